/** What somebody may want to be told of. */
export const NOTIFY_EVENTS = ['finished', 'refused', 'failed', 'approval-wanted'] as const;
export type NotifyEventName = (typeof NOTIFY_EVENTS)[number];

/** What a template may hold; each is a property of the message. */
export interface TemplateValues {
  readonly event: NotifyEventName;
  readonly runId: string;
  readonly pipeline: string;
  readonly model: string;
  readonly version: number | null;
  readonly alias: string;
  readonly promoted: boolean;
  readonly accuracy: number | null;
  readonly reason: string;
  readonly requestedBy: string;
  readonly at: string;
  /** How to answer where approval is wanted: a signed link, or the command. */
  readonly how?: string;
}

const NAMES: ReadonlySet<string> = new Set<keyof TemplateValues>([
  ...(['event', 'runId', 'pipeline', 'model', 'version', 'alias', 'promoted', 'accuracy'] as const),
  ...(['reason', 'requestedBy', 'at', 'how'] as const),
]);

const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** Placeholders that mean nothing: a template is checked when the file is read, not when a run fails at night. */
export function unknownPlaceholders(template: string): string[] {
  return [...template.matchAll(PLACEHOLDER)].map(([, name = '']) => name).filter((name) => !NAMES.has(name));
}

/** The template with its placeholders filled; values are text and nothing in them is looked at again. */
export function fillTemplate(template: string, values: TemplateValues): string {
  const known = new Map<string, unknown>(Object.entries(values));
  return template.replaceAll(PLACEHOLDER, (whole, name: string) => {
    if (!NAMES.has(name)) return whole;
    const value = known.get(name);
    if (name === 'accuracy' && typeof value === 'number') return value.toFixed(4);
    return value === null || value === undefined ? '–' : String(value);
  });
}

/** The words where a target has none of its own. */
export const DEFAULT_TEXT: Readonly<Record<NotifyEventName, string>> = {
  finished: '{{pipeline}}: {{model}} version {{version}} is {{alias}} now, accuracy {{accuracy}} (run {{runId}})',
  refused:
    '{{pipeline}}: {{model}} version {{version}} is not promoted, accuracy {{accuracy}} (run {{runId}}): {{reason}}',
  failed: '{{pipeline}}: run {{runId}} failed: {{reason}}',
  'approval-wanted': '{{pipeline}}: {{model}} waits for approval, accuracy {{accuracy}}: {{how}}',
};
export const DEFAULT_SUBJECT = 'graft: {{pipeline}} {{event}}';
