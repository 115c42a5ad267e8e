import { ensurePage } from '../web/page-build.ts';

/** `npm run build:page`: what `graft up` and `graft web` do by themselves where the page is missing or old. */
const folder = await ensurePage({
  onStep: (text) => {
    process.stderr.write(`${text}\n`);
  },
});
process.stderr.write(`${folder}\n`);
