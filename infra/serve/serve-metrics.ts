import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What Prometheus reads of a server. Durations are in seconds. */
export interface ServeMetrics {
  /** `code`: the HTTP status. */
  request(code: number, seconds: number): void;
  batch(rows: number, seconds: number): void;
  waiting(pictures: number): void;
  serving(model: string, version: number): void;
  switched(result: 'done' | 'failed'): void;
  /** In the text format; `contentType` goes with it. */
  text(): Promise<string>;
  readonly contentType: string;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const ROWS = [1, 2, 4, 8, 16, 32, 64];

export function createServeMetrics(): ServeMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counter({
    ...{ name: 'graft_serve_requests_total', help: 'Answered requests for a prediction.', registers },
    labelNames: ['code'],
  });
  const latency = new Histogram({
    ...{ name: 'graft_serve_request_seconds', help: 'From a request to its answer.', registers, buckets: SECONDS },
  });
  const rows = new Histogram({
    ...{ name: 'graft_serve_batch_rows', help: 'Pictures that went together.', registers, buckets: ROWS },
  });
  const batches = new Histogram({
    ...{ name: 'graft_serve_batch_seconds', help: 'What the model took for a batch.', registers, buckets: SECONDS },
  });
  const waiting = new Gauge({ name: 'graft_serve_waiting', help: 'Pictures that wait for the model.', registers });
  const version = new Gauge({
    ...{ name: 'graft_serve_model_version', help: 'The version that answers.', registers, labelNames: ['model'] },
  });
  const switches = new Counter({
    ...{ name: 'graft_serve_switches_total', help: 'Changes of version.', registers, labelNames: ['result'] },
  });
  return {
    request: (code, seconds) => {
      requests.inc({ code: String(code) });
      latency.observe(seconds);
    },
    batch: (count, seconds) => {
      rows.observe(count);
      batches.observe(seconds);
    },
    waiting: (pictures) => {
      waiting.set(pictures);
    },
    serving: (model, number) => {
      version.set({ model }, number);
    },
    switched: (result) => {
      switches.inc({ result });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
