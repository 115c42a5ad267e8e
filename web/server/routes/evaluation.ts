import {
  Curves,
  CurvesQuery,
  Evaluation,
  ItemsQuery,
  ScoredItems,
  Slices,
  SlicesQuery,
} from '../../../contracts/web.ts';
import { readRunRecord } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import type { Context } from '../context.ts';
import { detectionCurves, detectionView } from '../read/detected-test.ts';
import { curvesView, evaluationView } from '../read/evaluation.ts';
import { lately } from '../read/lately.ts';
import { pageOf } from '../read/paging.ts';
import { requireRunId } from '../read/run-view.ts';
import { readScoredTest, scoredItems } from '../read/scored-test.ts';
import type { ScoredTest } from '../read/scored-test.ts';
import { attributeSlices, pathSlices } from '../read/slices.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

export function evaluationRoutes({ backend: { store } }: Context): Route[] {
  const tests = lately<ScoredTest>(4);
  const testOf = (id: string | undefined): Promise<ScoredTest> => {
    const runId = requireRunId(id);
    return tests(runId, () => readScoredTest(store, runId));
  };
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id/evaluation',
      summary: 'How good it is on the test pictures, beside the champion.',
      answer: Evaluation,
      handle: async ({ params }) => {
        const test = await testOf(params['id']);
        const { detection } = test.evaluation;
        return detection ? detectionView(store, test, detection) : evaluationView(test);
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id/evaluation/curves',
      summary: 'Precision against recall, and the receiver operating characteristic.',
      query: CurvesQuery,
      answer: Curves,
      handle: async ({ params, query: { class: index = null } }) => {
        const test = await testOf(params['id']);
        const { detection } = test.evaluation;
        return detection ? detectionCurves(test, detection.metrics, index) : curvesView(test, index);
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id/evaluation/items',
      summary: 'The test pictures behind a cell of the confusion matrix, the worst first.',
      query: ItemsQuery,
      answer: ScoredItems,
      handle: async ({ params, query: { truth, predicted, cursor, limit } }) => {
        const rows = scoredItems(
          await testOf(params['id']),
          (label, given) => (truth ?? label) === label && (predicted ?? given) === given,
        );
        const { part, ...rest } = pageOf(rows, cursor, limit);
        return { items: part, ...rest };
      },
    }),
    slicesRoute(store, testOf),
  ];
}

const slicesRoute = (store: ObjectStore, testOf: (id: string | undefined) => Promise<ScoredTest>): Route =>
  route({
    ...noInput,
    method: 'GET',
    path: '/api/runs/:id/evaluation/slices',
    summary: 'How good it is on parts of the test set, beside the champion.',
    query: SlicesQuery,
    answer: Slices,
    handle: async ({ params, query }) => {
      const test = await testOf(params['id']);
      const { detection } = test.evaluation;
      if (detection) return attributeSlices(test, detection.metrics);
      const record = query.by === undefined ? await readRunRecord(store, requireRunId(params['id'])) : null;
      return pathSlices(test, query.by ?? record?.config.promote.gate.noSliceWorse?.by ?? null);
    },
  });
