import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/** A history as it is committed: stack traces name files of the repository, and no folder of the machine. */
export const historyText = (history: Parameters<typeof historyToJSON>[0]): string =>
  `${historyToJSON(history).replaceAll(`${process.cwd()}/`, '')}\n`;
