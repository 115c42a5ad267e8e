import { Empty, PageHead } from '../ui/parts.tsx';

export function Run() {
  return (
    <>
      <PageHead title="Run" />
      <Empty title="Nothing here yet" />
    </>
  );
}
