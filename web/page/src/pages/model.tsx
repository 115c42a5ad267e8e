import { Empty, PageHead } from '../ui/parts.tsx';

export function Model() {
  return (
    <>
      <PageHead title="Model" />
      <Empty title="Nothing here yet" />
    </>
  );
}
