import { makeWorkflowExporter, OpenTelemetryActivityInboundInterceptor } from '@temporalio/interceptors-opentelemetry';
import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import type { InjectedSinks, WorkerInterceptors } from '@temporalio/worker';
import { openSpans } from './tracing.ts';
import type { TracingOptions } from './tracing.ts';

/** Spans of workflows and activities on their way to a collector. */
export interface Tracing {
  readonly activity: NonNullable<WorkerInterceptors['activity']>;
  /** Workflow code reaches nothing outside but through sinks, which are silent while a history is replayed. */
  readonly sinks: InjectedSinks<OpenTelemetrySinks>;
  /** Sends what is left; a collector that is away is waited for a few seconds only. */
  close(): Promise<void>;
}

const EXPORT_MS = 3_000;

export function openTracing(options: TracingOptions): Tracing {
  const { tracer, processor, resource, close } = openSpans(options, 'graft-worker', EXPORT_MS);
  return {
    activity: [(context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context, { tracer }) })],
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
    close,
  };
}
