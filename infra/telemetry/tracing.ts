import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

export interface TracingOptions {
  /** Of OTLP over HTTP, without /v1/traces: `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  readonly graftVersion: string;
}

/** Where nobody collects, spans are dropped and work goes on. `OTEL_EXPORTER_OTLP_HEADERS` is read by the exporter. */
export function openSpans({ endpoint, graftVersion }: TracingOptions, service: string, exportMs: number) {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const resource = new Resource({ 'service.name': service, 'service.version': graftVersion });
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: exportMs }), {
    exportTimeoutMillis: exportMs,
    scheduledDelayMillis: 1_000,
  });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  // Also makes it the one whose propagator reads which span a call belongs to.
  provider.register({ contextManager: new AsyncLocalStorageContextManager() });
  return {
    ...{ resource, processor, tracer: provider.getTracer('graft') },
    /** Sends what is left; a collector that is away is waited for so long and no longer. */
    close: (): Promise<void> => provider.shutdown().catch(() => undefined),
  };
}
