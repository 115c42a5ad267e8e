import type { FastifyInstance, FastifyRequest } from 'fastify';
import { PredictQuery } from '../../../contracts/web.ts';
import { GraftError, inputError } from '../../../core/errors.ts';
import type { User } from '../auth.ts';
import type { Predictor } from '../predictor.ts';

const PICTURES = /^(image\/(jpeg|png|webp|gif|tiff)|application\/octet-stream)$/;
const MAX_BYTES = 32 * 2 ** 20;

/** POST /api/predict: the body is a picture. It changes nothing, so viewers may. */
export function addPredict(
  api: FastifyInstance,
  predictor: Predictor,
  userOf: (request: FastifyRequest) => User,
): void {
  void api.register((inner, _options, done) => {
    // A browser sends these from elsewhere only after asking, and is told no.
    inner.removeAllContentTypeParsers();
    inner.addContentTypeParser(PICTURES, { parseAs: 'buffer', bodyLimit: MAX_BYTES }, (_request, body, parsed) => {
      parsed(null, body);
    });
    inner.post('/api/predict', { bodyLimit: MAX_BYTES }, async (request) => {
      userOf(request);
      const query = PredictQuery.safeParse(request.query);
      if (!query.success) {
        throw inputError(
          'REQUEST_QUERY',
          '/api/predict',
          'a query that does not fit',
          '?model=NAME@3&top=5',
          'correct it',
        );
      }
      const { body } = request;
      const picture = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
      try {
        return await predictor.predict(query.data.model, picture, query.data.top);
      } catch (error) {
        throw withoutPath(error);
      }
    });
    done();
  });
}

/** Where a picture lay on this disk is nobody's business. */
function withoutPath(error: unknown): unknown {
  if (!(error instanceof GraftError) || !error.code.startsWith('IMAGE_')) return error;
  const parts = { ...error.parts, where: 'the picture' };
  return new GraftError(error.code, parts, { cause: error });
}
