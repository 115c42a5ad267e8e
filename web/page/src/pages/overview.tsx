import { Empty, PageHead } from '../ui/parts.tsx';

export function Overview() {
  return (
    <>
      <PageHead title="Overview" />
      <Empty title="Nothing here yet" />
    </>
  );
}
