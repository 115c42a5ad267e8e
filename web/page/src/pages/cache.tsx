import { Empty, PageHead } from '../ui/parts.tsx';

export function Cache() {
  return (
    <>
      <PageHead title="Cache" />
      <Empty title="Nothing here yet" />
    </>
  );
}
