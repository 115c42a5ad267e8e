import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { makeWorkflowExporter, OpenTelemetryActivityInboundInterceptor } from '@temporalio/interceptors-opentelemetry';
import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import type { InjectedSinks, WorkerInterceptors } from '@temporalio/worker';

/** Spans of workflows and activities on their way to a collector. */
export interface Tracing {
  readonly activity: NonNullable<WorkerInterceptors['activity']>;
  /** Workflow code reaches nothing outside but through sinks, which are silent while a history is replayed. */
  readonly sinks: InjectedSinks<OpenTelemetrySinks>;
  /** Sends what is left; a collector that is away is waited for a few seconds only. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Of OTLP over HTTP, without /v1/traces: `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  readonly graftVersion: string;
}

const EXPORT_MS = 3_000;

/** Where nobody collects, spans are dropped and work goes on. `OTEL_EXPORTER_OTLP_HEADERS` is read by the exporter. */
export function openTracing({ endpoint, graftVersion }: TracingOptions): Tracing {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const resource = new Resource({ 'service.name': 'graft-worker', 'service.version': graftVersion });
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS }), {
    exportTimeoutMillis: EXPORT_MS,
    scheduledDelayMillis: 1_000,
  });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  // Also makes it the one whose propagator reads which workflow an activity belongs to.
  provider.register({ contextManager: new AsyncLocalStorageContextManager() });
  const tracer = provider.getTracer('graft');
  return {
    activity: [(context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context, { tracer }) })],
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
    close: () => provider.shutdown().catch(() => undefined),
  };
}
