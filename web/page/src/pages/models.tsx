import { Empty, PageHead } from '../ui/parts.tsx';

export function Models() {
  return (
    <>
      <PageHead title="Models" />
      <Empty title="Nothing here yet" />
    </>
  );
}
