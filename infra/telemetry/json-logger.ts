import type { LogLevel, Logger, LogMetadata } from '@temporalio/worker';
import { pino } from 'pino';
import type { DestinationStream } from 'pino';

const LEVELS: Readonly<Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'>> = {
  ...{ TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' },
};

/** Log lines as JSON, one object a line, with the id of the run that they are about. */
export function jsonLogger(destination?: DestinationStream): Logger {
  const options = { level: 'info', timestamp: pino.stdTimeFunctions.isoTime, base: null };
  const lines = destination ? pino(options, destination) : pino(options, pino.destination(2));
  const log = (level: LogLevel, message: string, meta?: LogMetadata): void => {
    lines[LEVELS[level]](fieldsOf(meta ?? {}), message);
  };
  return {
    log,
    trace: (message, meta) => {
      log('TRACE', message, meta);
    },
    debug: (message, meta) => {
      log('DEBUG', message, meta);
    },
    info: (message, meta) => {
      log('INFO', message, meta);
    },
    warn: (message, meta) => {
      log('WARN', message, meta);
    },
    error: (message, meta) => {
      log('ERROR', message, meta);
    },
  };
}

function fieldsOf(meta: LogMetadata): Record<string, unknown> {
  const { error, ...rest } = meta;
  const workflow = typeof meta['workflowId'] === 'string' ? meta['workflowId'] : '';
  const runId = /^graft-(?:run|sweep)-(.+)$/.exec(workflow)?.[1];
  return {
    ...(runId === undefined ? {} : { graftRun: runId }),
    ...rest,
    ...(error === undefined ? {} : { err: error }),
  };
}
