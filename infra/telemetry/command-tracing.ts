import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { WorkflowClientInterceptor } from '@temporalio/client';
// The package's own index loads the worker with its native core.
import { OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry/lib/client/index.js';
import { GraftError } from '../../core/errors.ts';
import { openSpans } from './tracing.ts';
import type { TracingOptions } from './tracing.ts';

/** The span of one command, which what it starts belongs to. */
export interface CommandTracing {
  /** Opens a span for each start, signal and update, and hands it to the workflow in a header; for no question. */
  readonly workflowInterceptors: readonly WorkflowClientInterceptor[];
  /**
   * Does `work` in a span called `name` (`graft run`) since `startedMs` (Unix time). Of what it throws the code alone is
   * told, and no argument: paths and settings are nobody else's. Then sends what there is, within a second.
   */
  during<T>(name: string, startedMs: number, work: () => Promise<T>): Promise<T>;
}

const EXPORT_MS = 1_000;

/** Whoever follows a run for hours asks how it stands twice a second: of that there are no spans. */
class ChangesAlone extends OpenTelemetryWorkflowClientInterceptor {
  override query: NonNullable<WorkflowClientInterceptor['query']> = (input, next) => next(input);
  override describe: NonNullable<WorkflowClientInterceptor['describe']> = (input, next) => next(input);
}

export function openCommandTracing(options: TracingOptions): CommandTracing {
  const { tracer, close } = openSpans(options, 'graft', EXPORT_MS);
  return {
    workflowInterceptors: [new ChangesAlone({ tracer })],
    during: async (name, startedMs, work) => {
      try {
        return await tracer.startActiveSpan(
          name,
          { kind: SpanKind.CLIENT, startTime: new Date(startedMs) },
          async (span) => {
            try {
              return await work();
            } catch (error) {
              const message = error instanceof GraftError ? error.code : 'INTERNAL';
              span.setStatus({ code: SpanStatusCode.ERROR, message });
              throw error;
            } finally {
              span.end();
            }
          },
        );
      } finally {
        await close();
      }
    },
  };
}
