let running = 'graft';

/** Said once, by whoever reads the command line: `graft runs resume`. */
export function nameCommand(path: string): void {
  running = path;
}

/** Of the command that runs, without its arguments. */
export const commandName = (): string => running;
