import process from 'node:process';
import { run } from './program.ts';
import type { CommandEntry } from './program.ts';

/** Every command, in the order of `graft --help`. One line each: the module loads when its command runs. */
const commands: readonly CommandEntry[] = [
  {
    name: 'doctor',
    summary: 'what is installed, which TensorFlow and device, what is reachable, how to mend it',
    load: async () => (await import('./doctor.ts')).doctorCommand(),
  },
  {
    name: 'up',
    summary: 'start the embedded Temporal, object store, workers and dashboard',
    load: async () => (await import('./up.ts')).upCommand(),
  },
  {
    name: 'down',
    summary: 'stop what graft up started',
    load: async () => (await import('./down.ts')).downCommand(),
  },
  {
    name: 'init',
    summary: 'look at a data set and write a commented graft.yaml',
    load: async () => (await import('./init.ts')).initCommand(),
  },
  {
    name: 'plan',
    summary: 'advise a strategy; time, memory, storage and cost before anything runs',
    load: async () => (await import('./plan.ts')).planCommand(),
  },
  {
    name: 'lr-find',
    summary: 'find a learning rate for a pipeline file by a range test',
    load: async () => (await import('./lr-find.ts')).lrFindCommand(),
  },
  {
    name: 'run',
    summary: 'run a pipeline file: ingest, validate, split, prepare, train, evaluate, gate, promote',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  {
    name: 'runs',
    summary: 'list, show, watch, cancel, resume, extend and report runs',
    load: async () => (await import('./runs.ts')).runsCommand(),
  },
  {
    name: 'sweep',
    summary: 'search over settings; the best trial goes to the gate',
    load: async () => (await import('./sweep.ts')).sweepCommand(),
  },
  {
    name: 'sweeps',
    summary: 'list, show, watch and change sweeps',
    load: async () => (await import('./sweeps.ts')).sweepsCommand(),
  },
  {
    name: 'eval',
    summary: 'how good a model version is: as recorded, or on other labelled pictures',
    load: async () => (await import('./eval.ts')).evalCommand(),
  },
  {
    name: 'predict',
    summary: 'say what is in pictures, with a registered model',
    load: async () => (await import('./predict.ts')).predictCommand(),
  },
  {
    name: 'codes',
    summary: 'CNN codes of pictures, for use elsewhere',
    load: async () => (await import('./codes.ts')).codesCommand(),
  },
  {
    name: 'serve',
    summary: 'answer over HTTP with a model, following its alias',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  {
    name: 'data',
    summary: 'look at data sets, and write them as other tools have them',
    load: async () => (await import('./data.ts')).dataCommand(),
  },
  {
    name: 'models',
    summary: 'registered models: list, show, compare, export, who was live when, verify',
    load: async () => (await import('./models.ts')).modelsCommand(),
  },
  {
    name: 'cache',
    summary: 'what was reused and why',
    load: async () => (await import('./cache.ts')).cacheCommand(),
  },
  {
    name: 'approve',
    summary: 'let a promotion that waits for a person take place',
    load: async () => (await import('./approve.ts')).approveCommand(),
  },
  {
    name: 'reject',
    summary: 'keep a promotion that waits for a person from taking place',
    load: async () => (await import('./approve.ts')).rejectCommand(),
  },
  {
    name: 'schedule',
    summary: 'retrain on a schedule: by the clock, and by what has changed',
    load: async () => (await import('./schedule.ts')).scheduleCommand(),
  },
  {
    name: 'import-config',
    summary: 'write a graft.yaml from a pipeline.config of the TF Object Detection API',
    load: async () => (await import('./import-config.ts')).importConfigCommand(),
  },
  {
    name: 'tensorboard',
    summary: 'open TensorBoard on runs',
    load: async () => (await import('./tensorboard.ts')).tensorboardCommand(),
  },
  {
    name: 'web',
    summary: 'serve the dashboard until stopped',
    load: async () => (await import('./web.ts')).webCommand(),
  },
  {
    name: 'worker',
    summary: 'work on runs until stopped',
    load: async () => (await import('./worker.ts')).workerCommand(),
  },
];

// A promise that nothing can settle any more would end the process with 0, as if all was done.
process.once('beforeExit', () => {
  process.stderr.write('INTERNAL: graft — the command stopped in the middle — this is a fault of graft — report it\n');
  process.exit(3);
});
const code = await run(process.argv.slice(2), commands);
// Clients may hold sockets open: what was asked is done, so leave once stdout has taken everything.
process.stdout.write('', () => process.exit(code));
