import { Empty, PageHead } from '../ui/parts.tsx';

export function LrFinder() {
  return (
    <>
      <PageHead title="LR finder" />
      <Empty title="Nothing here yet" />
    </>
  );
}
