import { Empty, PageHead } from '../ui/parts.tsx';

export function Schedules() {
  return (
    <>
      <PageHead title="Schedules" />
      <Empty title="Nothing here yet" />
    </>
  );
}
