import { unreachable } from '../errors.ts';
import { advance } from './searcher.ts';
import type { SearchState } from './searcher.ts';
import { isOf } from './space.ts';
import type { Space, Values } from './space.ts';
import { lossOf } from './trials.ts';

/** When a sweep ends before its searcher has nothing left to do. */
export interface StopRules {
  /** The first objective reaches it. */
  readonly target: number | null;
  /** So many results in a row bring the first objective no further than `minDelta`. */
  readonly patience: number | null;
  readonly minDelta: number;
  /** Epochs that all trials together may train. */
  readonly epochs: number | null;
  /** Money: seconds of training at a price. */
  readonly cost: { readonly perHour: number; readonly atMost: number } | null;
}

export interface SweepRules {
  /** Legs at once. */
  readonly concurrency: number;
  /**
   * True: results are taken in the order in which their legs were decided, and one that comes early waits. Then every
   * decision is a function of the settings and of results alone, never of which leg was quick. False: as they come.
   */
  readonly inOrder: boolean;
  readonly stop: StopRules;
  /** How often a leg that failed for a passing reason is tried again. */
  readonly retries: number;
  /** The share of failed trials above which the sweep is given up, once four have failed. */
  readonly failuresAtMost: number;
}

/** A piece of training: a trial from the epoch it has reached to another. */
export interface Leg {
  /** 0, 1, 2 … in the order of decision. */
  readonly number: number;
  readonly trial: number;
  readonly values: Values;
  readonly fromEpoch: number;
  readonly toEpoch: number;
  readonly copyOf: number | null;
  /** 1 for the first. */
  readonly tries: number;
}

export type LegEnd =
  | {
      readonly kind: 'trained';
      readonly epoch: number;
      /** One for each objective. */
      readonly values: readonly number[];
      /** The training will go no further: its last epoch, or early stop. */
      readonly ended: boolean;
      readonly seconds: number;
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly passing: boolean }
  /** Its trial was stopped, or the sweep. */
  | { readonly kind: 'stopped' };

export type EndReason =
  'finished' | 'target' | 'patience' | 'epochs' | 'cost' | 'time' | 'asked' | 'failures' | 'cancelled';

/** All that a sweep knows; JSON, carried from one workflow execution into the next. */
export interface SweepState {
  readonly search: SearchState;
  readonly rules: SweepRules;
  /** Legs under way, and those whose results wait: they keep their room. */
  readonly running: readonly Leg[];
  /** Results that wait for those of earlier legs. */
  readonly early: readonly { readonly number: number; readonly end: LegEnd }[];
  /** Trial, epoch and source of every leg that was decided: what two sweeps are compared by. */
  readonly decisions: readonly (readonly [trial: number, toEpoch: number, copyOf: number | null])[];
  readonly paused: boolean;
  /**
   * No result is taken and nothing is decided until it is let go: the workflow execution that carries it is about to end.
   * Results wait in `early`, so that what is decided from which of them does not hang on when that was.
   */
  readonly held: boolean;
  readonly ended: EndReason | null;
  readonly spent: { readonly epochs: number; readonly seconds: number };
  readonly progress: { readonly best: number | null; readonly without: number };
}

export type SweepCommand =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stop'; readonly reason: EndReason }
  | { readonly kind: 'stop-trial'; readonly trial: number }
  | { readonly kind: 'add'; readonly values: readonly Values[] }
  | { readonly kind: 'budget'; readonly trials: number }
  | { readonly kind: 'space'; readonly space: Space };

/** A new state, and the legs to start. */
export interface SweepStep {
  readonly state: SweepState;
  readonly starts: readonly Leg[];
}

export function openSweep(search: SearchState, rules: SweepRules): SweepState {
  return {
    search,
    rules,
    running: [],
    early: [],
    decisions: [],
    paused: false,
    held: false,
    ended: null,
    spent: { epochs: 0, seconds: 0 },
    progress: { best: null, without: 0 },
  };
}

/** Decides legs as long as there is room. */
export function fill(state: SweepState): SweepStep {
  const starts: Leg[] = [];
  let now = state;
  while (now.ended === null && !now.paused && !now.held && now.running.length < now.rules.concurrency) {
    const { state: search, action } = advance(now.search, { kind: 'free' });
    now = { ...now, search };
    if (action?.kind === 'finish' && now.running.length === 0) now = { ...now, ended: 'finished' };
    if (action?.kind !== 'train') break;
    const { kind: _, ...what } = action;
    const leg: Leg = { number: now.decisions.length, ...what, tries: 1 };
    starts.push(leg);
    const decision = [leg.trial, leg.toEpoch, leg.copyOf] as const;
    now = { ...now, running: [...now.running, leg], decisions: [...now.decisions, decision] };
  }
  return { state: now, starts };
}

/** A leg has ended. Takes its result, and those that waited for it, one after the other, deciding after each. */
export function arrive(state: SweepState, number: number, end: LegEnd): SweepStep {
  const leg = state.running.find((each) => each.number === number);
  if (!leg) throw new Error(`leg ${number} is not running`);
  if (end.kind === 'failed' && end.passing && leg.tries <= state.rules.retries && state.ended === null) {
    const again = { ...leg, tries: leg.tries + 1 };
    const running = state.running.map((each) => (each.number === number ? again : each));
    return { state: { ...state, running }, starts: [again] };
  }
  const early = [...state.early, { number, end }].sort((a, b) => a.number - b.number);
  const now: SweepState = { ...state, early };
  return now.held ? { state: now, starts: [] } : takeTurns({ state: now, starts: [] });
}

/** Goes on after it was held: decides where there is room, and takes the results that waited. */
export function release(state: SweepState): SweepStep {
  const now: SweepState = { ...state, held: false };
  return takeTurns(now.early.length > 0 ? { state: now, starts: [] } : fill(now));
}

/** Every leg under way has ended, and waits to be taken. */
export const isQuiet = ({ running, early }: SweepState): boolean => running.length === early.length;

function takeTurns(step: SweepStep): SweepStep {
  const starts = [...step.starts];
  let now = step.state;
  for (let turn = nextTurn(now); turn !== null; turn = nextTurn(now)) {
    const next = fill(taken(now, turn.leg, turn.end));
    now = next.state;
    starts.push(...next.starts);
  }
  return { state: now, starts };
}

/** The result whose turn it is. */
function nextTurn(state: SweepState): { leg: Leg; end: LegEnd } | null {
  const { running, early, rules } = state;
  const oldest = Math.min(...running.map(({ number }) => number));
  const turn = rules.inOrder ? early.find(({ number }) => number === oldest) : early[0];
  const leg = turn && running.find(({ number }) => number === turn.number);
  return turn && leg ? { leg, end: turn.end } : null;
}

function taken(state: SweepState, leg: Leg, end: LegEnd): SweepState {
  const base: SweepState = {
    ...state,
    running: state.running.filter(({ number }) => number !== leg.number),
    early: state.early.filter(({ number }) => number !== leg.number),
  };
  switch (end.kind) {
    case 'stopped': {
      const wasRunning = base.search.trials[leg.trial]?.state === 'running';
      return wasRunning ? { ...base, search: advance(base.search, { kind: 'stop', trial: leg.trial }).state } : base;
    }
    case 'failed':
      return failed(base, leg, end.reason);
    case 'trained': {
      const { epoch, values, ended, seconds } = end;
      const broken = values.findIndex((value) => !Number.isFinite(value));
      const metric = base.search.objectives[broken]?.metric;
      if (metric !== undefined) return failed(base, leg, `METRIC_NONFINITE: ${metric} is ${values[broken]}`);
      const { state: search } = advance(base.search, { kind: 'report', trial: leg.trial, epoch, values, ended });
      const spent = {
        epochs: base.spent.epochs + Math.max(0, epoch - leg.fromEpoch),
        seconds: base.spent.seconds + seconds,
      };
      return judged({ ...base, search, spent }, values);
    }
    default:
      return unreachable(end);
  }
}

function failed(state: SweepState, leg: Leg, reason: string): SweepState {
  const { state: search } = advance(state.search, { kind: 'failed', trial: leg.trial, reason });
  const count = search.trials.filter((trial) => trial.state === 'failed').length;
  const tooMany = count >= 4 && count > state.rules.failuresAtMost * search.trials.length;
  return { ...state, search, ended: state.ended ?? (tooMany ? 'failures' : null) };
}

/** Whether the result ends the sweep. */
function judged(state: SweepState, values: readonly number[]): SweepState {
  const { stop } = state.rules;
  const [objective] = state.search.objectives;
  const [loss = Infinity] = lossOf(values, state.search.objectives);
  const { best, without } = state.progress;
  const better = best === null || loss < best - stop.minDelta;
  const progress = { best: better ? loss : best, without: better ? 0 : without + 1 };
  const target = stop.target === null ? -Infinity : objective?.goal === 'maximize' ? -stop.target : stop.target;
  const { epochs, seconds } = state.spent;
  const reason: EndReason | null =
    loss <= target
      ? 'target'
      : stop.patience !== null && progress.without >= stop.patience
        ? 'patience'
        : stop.epochs !== null && epochs >= stop.epochs
          ? 'epochs'
          : stop.cost !== null && (seconds / 3600) * stop.cost.perHour >= stop.cost.atMost
            ? 'cost'
            : null;
  return { ...state, progress, ended: state.ended ?? reason };
}

/** What a person asks for. What can't be is refused by `refusal` before. */
export function command(state: SweepState, asked: SweepCommand): SweepStep {
  switch (asked.kind) {
    case 'pause':
      return { state: { ...state, paused: true }, starts: [] };
    case 'resume':
      return fill({ ...state, paused: false });
    case 'stop':
      return { state: { ...state, ended: state.ended ?? asked.reason }, starts: [] };
    case 'stop-trial':
      return fill({ ...state, search: advance(state.search, { kind: 'stop', trial: asked.trial }).state });
    case 'add': {
      const events = asked.values.map((values) => ({ kind: 'suggest', values }) as const);
      const search = events.reduce((before, event) => advance(before, event).state, state.search);
      // They come on top of what was to be tried anyway.
      const budget = search.budget + asked.values.length;
      return fill({ ...state, search: advance(search, { kind: 'budget', trials: budget }).state });
    }
    case 'budget':
      return fill({ ...state, search: advance(state.search, { kind: 'budget', trials: asked.trials }).state });
    case 'space':
      return fill({ ...state, search: advance(state.search, { kind: 'space', space: asked.space }).state });
    default:
      return unreachable(asked);
  }
}

/** Why a command can't be obeyed; null where it can. */
export function refusal(state: SweepState, asked: SweepCommand): string | null {
  if (state.ended !== null) return `the search is over (${state.ended})`;
  switch (asked.kind) {
    case 'stop-trial': {
      const trial = state.search.trials[asked.trial];
      if (!trial) return `there is no trial ${asked.trial}`;
      return trial.state === 'running' || trial.state === 'paused' ? null : `trial ${asked.trial} is ${trial.state}`;
    }
    case 'add': {
      const wrong = asked.values.find((values) => !isOf(state.search.space, values));
      return wrong === undefined ? null : `${JSON.stringify(wrong).slice(0, 200)} is not in the space`;
    }
    case 'budget': {
      const made = state.search.trials.length;
      return asked.trials >= made ? null : `${made} trials were made already`;
    }
    case 'pause':
    case 'resume':
    case 'stop':
    case 'space':
      return null;
    default:
      return unreachable(asked);
  }
}
