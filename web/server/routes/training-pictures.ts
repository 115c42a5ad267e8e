import type { FastifyInstance } from 'fastify';
import { DrawnPictureQuery, TrainingPictures, TrainingPicturesQuery, Trainings } from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import type { Context } from '../context.ts';
import { lockDown } from '../lock-down.ts';
import { requireDataset } from '../read/datasets.ts';
import { requireRunId } from '../read/run-view.ts';
import { trainingsOn } from '../read/training.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

export function trainingPictureRoutes({ backend: { store }, sheet }: Context): Route[] {
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/datasets/:name/:version/trainings',
      summary: 'Versions that were trained on it.',
      answer: Trainings,
      handle: async ({ params: { name = '', version = '' } }) => {
        await requireDataset(store, name, version);
        return trainingsOn(store, `datasets/${name}/${version}/manifest.json`);
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id/training-pictures',
      summary: 'Training pictures as prepared and as augmentation drew them, boxes with them.',
      query: TrainingPicturesQuery,
      answer: TrainingPictures,
      handle: ({ params, query }) => sheet.page(requireRunId(params['id']), query),
    }),
  ];
}

/** The pictures themselves, made of pixels that graft has prepared: nothing foreign is decoded. */
export function addTrainingPictures(api: FastifyInstance, { sheet }: Context): void {
  api.get<{ Params: { id: string; row: string } }>('/api/runs/:id/training-pictures/:row', async (request, reply) => {
    const runId = requireRunId(request.params.id);
    const { row } = request.params;
    const query = DrawnPictureQuery.safeParse(request.query);
    if (!/^\d{1,9}$/.test(row) || !query.success) {
      const seen = `${row.slice(0, 20)} or its epoch`;
      throw inputError('REQUEST_QUERY', 'training pictures', seen, 'a row and an epoch', 'reload the page');
    }
    const png = await sheet.png(runId, Number(row), query.data.epoch ?? null);
    lockDown(reply);
    return reply
      .header('content-disposition', 'inline')
      .header('cache-control', 'private, max-age=3600')
      .type('image/png')
      .send(png);
  });
}
