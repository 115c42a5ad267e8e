import { Pause, Play, Zap } from 'lucide-react';
import { Link } from 'react-router';
import type { ScheduleRow, Schedules as SchedulesAnswer } from '../../../../contracts/web.ts';
import { duration } from '../lib/format.ts';
import { CALM_MS, useApi } from '../lib/queries.ts';
import { Action } from '../ui/action.tsx';
import { Answered, Card, Empty, Facts, PageHead, When } from '../ui/parts.tsx';
import { Status } from '../ui/status.tsx';

export function Schedules() {
  const answer = useApi<SchedulesAnswer>('/schedules', { everyMs: CALM_MS });
  return (
    <>
      <PageHead title="Schedules" lead="What retrains by itself, when, and what came of it." />
      <Answered of={answer}>
        {({ schedules }) =>
          schedules.length === 0 ? (
            <Card title="Schedules">
              <Empty title="Nothing is scheduled">
                <code>graft schedule create FILE --cron &quot;0 3 * * *&quot;</code> retrains every night.
              </Empty>
            </Card>
          ) : (
            <div className="stack">
              {schedules.map((schedule) => (
                <Schedule key={schedule.scheduleId} schedule={schedule} />
              ))}
            </div>
          )
        }
      </Answered>
    </>
  );
}

function Schedule({ schedule }: { readonly schedule: ScheduleRow }) {
  const {
    scheduleId,
    name,
    cron,
    everyMs,
    timeZone,
    trigger,
    paused,
    note,
    next,
    taken,
    skippedByOverlap,
    missedCatchUp,
  } = schedule;
  const when = [...cron, ...(everyMs === null ? [] : [`every ${duration(everyMs / 1000)}`])].join('; ');
  return (
    <Card
      title={scheduleId}
      actions={
        <>
          <Status state={paused ? 'paused' : 'running'} word={paused ? 'Paused' : 'On'} />
          <ScheduleActions schedule={schedule} />
        </>
      }
      flush
    >
      <div className="columns schedule">
        <Facts
          rows={[
            ['Pipeline', name],
            ['When', <code key="when">{when}</code>],
            ['Time zone', timeZone],
            ['Trains', trainsWhen(trigger)],
            [
              'Taken',
              `${String(taken)}; ${String(skippedByOverlap)} skipped as one still ran, ${String(missedCatchUp)} missed`,
            ],
            ...(note === null || note === '' ? [] : [['Note', note] as const]),
          ]}
        />
        <div>
          <h3>Next</h3>
          {next.length === 0 || paused ? <p className="muted">{paused ? 'Not while it is paused.' : 'None.'}</p> : null}
          <ul>
            {(paused ? [] : next.slice(0, 5)).map((at) => (
              <li key={at}>
                <When at={at} />
              </li>
            ))}
          </ul>
        </div>
      </div>
      <Ticks schedule={schedule} />
    </Card>
  );
}

const Ticks = ({ schedule: { ticks } }: { readonly schedule: ScheduleRow }) => (
  <ul className="lines ticks">
    {ticks.slice(0, 10).map(({ at, outcome }) => (
      <li key={at}>
        <Status state={outcome?.status ?? 'running'} />
        {outcome === null ? null : <Link to={`/runs/${outcome.runId}`}>{outcome.runId}</Link>}
        <span className="muted break">{outcome?.reason ?? ''}</span>
        <span className="end muted small">
          <When at={at} />
        </span>
      </li>
    ))}
  </ul>
);

function trainsWhen(trigger: ScheduleRow['trigger']): string {
  if (trigger.kind === 'always') return 'every time';
  if (trigger.kind === 'changed') return 'when the data have changed';
  const parts = [
    ...(trigger.newImages === null ? [] : [`${String(trigger.newImages)} new images`]),
    ...(trigger.drift === null ? [] : [`a drift of ${String(trigger.drift)}`]),
  ];
  return `at ${parts.join(' or ')}`;
}

function ScheduleActions({ schedule: { scheduleId, paused } }: { readonly schedule: ScheduleRow }) {
  const path = `/schedules/${encodeURIComponent(scheduleId)}`;
  return (
    <>
      <Action
        label="Trigger"
        icon={<Zap size={15} aria-hidden />}
        about="It ticks now, as it would by the clock."
        path={`${path}/trigger`}
        done={`${scheduleId} ticks now.`}
      />
      {paused ? (
        <Action
          label="Resume"
          icon={<Play size={15} aria-hidden />}
          about="It ticks by the clock again."
          path={`${path}/resume`}
          done={`${scheduleId} is on again.`}
        />
      ) : (
        <Action
          label="Pause"
          icon={<Pause size={15} aria-hidden />}
          about="It does not tick until it is resumed."
          path={`${path}/pause`}
          done={`${scheduleId} is paused.`}
        />
      )}
    </>
  );
}
