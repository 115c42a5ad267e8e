/** What the server says when it refuses: its own code, and what to do. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
  }

  /** Whether waiting may help: nothing answered, or something behind the server is away. */
  get passing(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export const isPassing = (error: unknown): boolean => error instanceof ApiProblem && error.passing;

type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** `/api/...` with what is set of the query. */
export function apiPath(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return `/api${path}${text === '' ? '' : `?${text}`}`;
}

/**
 * Reads JSON. What comes is trusted to have its type: the server that sent it is the page's own, of the same version,
 * and has put it through the same schema on the way out (docs/adr/0146).
 */
export async function getJson<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await reach(apiPath(path, query), { signal: signal ?? null });
  return parsed<T>(response);
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await reach(apiPath(path), { signal: signal ?? null });
  return response.text();
}

/** Asks for a change. The header can't be set by another site without its asking first, which the server refuses. */
export async function postJson<T>(path: string, body: unknown = {}): Promise<T> {
  const response = await reach(apiPath(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return parsed<T>(response);
}

export async function postBlob<T>(path: string, query: Query, body: Blob): Promise<T> {
  const headers = { 'content-type': 'application/octet-stream' };
  return parsed<T>(await reach(apiPath(path, query), { method: 'POST', headers, body }));
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiProblem(0, 'SERVER_AWAY', 'The server of the dashboard does not answer.');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function parsed<T>(response: Response): Promise<T> {
  if (response.status === 204) return null as T;
  try {
    return await response.json();
  } catch {
    throw new ApiProblem(0, 'SERVER_ANSWER', 'The server’s answer is not whole.');
  }
}

async function problemOf(response: Response): Promise<ApiProblem> {
  try {
    const body: unknown = await response.json();
    if (isApiError(body)) return new ApiProblem(response.status, body.error.code, body.error.message);
  } catch {
    // Not JSON: the status says what there is to say.
  }
  return new ApiProblem(response.status, `HTTP_${String(response.status)}`, response.statusText);
}

function isApiError(body: unknown): body is { error: { code: string; message: string } } {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false;
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return false;
  return typeof error.code === 'string' && typeof error.message === 'string';
}
