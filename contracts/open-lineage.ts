import { z } from 'zod';

/**
 * RunEvent of OpenLineage 1 (openlineage.io/spec/1-0-5/OpenLineage.json), as far as graft writes it. Every facet names who
 * made it and the schema that it follows.
 */
export const OpenLineageFacet = z.looseObject({ _producer: z.url(), _schemaURL: z.url() });
export type OpenLineageFacet = z.infer<typeof OpenLineageFacet>;

const facets = z.record(z.string(), OpenLineageFacet);

export const OpenLineageDataset = z.strictObject({ namespace: z.string(), name: z.string(), facets });
export type OpenLineageDataset = z.infer<typeof OpenLineageDataset>;

export const OpenLineageEvent = z.strictObject({
  eventType: z.enum(['START', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER']),
  eventTime: z.iso.datetime(),
  run: z.strictObject({ runId: z.guid(), facets }),
  job: z.strictObject({ namespace: z.string(), name: z.string(), facets }),
  inputs: z.array(OpenLineageDataset),
  outputs: z.array(OpenLineageDataset),
  producer: z.url(),
  schemaURL: z.url(),
});
export type OpenLineageEvent = z.infer<typeof OpenLineageEvent>;
