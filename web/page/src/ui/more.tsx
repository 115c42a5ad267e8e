interface MoreProps {
  /** A list that is read page by page. */
  readonly of: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    fetchNextPage(): Promise<unknown>;
  };
}

/** Asks for the next page where there is one. */
export function More({ of }: MoreProps) {
  if (!of.hasNextPage) return null;
  return (
    <button type="button" disabled={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
      More
    </button>
  );
}
