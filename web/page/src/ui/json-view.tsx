import { Copy } from 'lucide-react';
import { Scroll } from './scroll.tsx';
import { say } from './toasts.tsx';

/** Something as text to read, search and copy. */
export function JsonView({ value, label }: { readonly value: unknown; readonly label: string }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return (
    <div className="stack">
      <button type="button" className="copy" onClick={() => void copy(text, label)}>
        <Copy size={15} aria-hidden />
        Copy
      </button>
      <Scroll label={label}>
        <pre className="block">{text}</pre>
      </Scroll>
    </div>
  );
}

async function copy(text: string, label: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${label}.`);
  } catch {
    say('The browser does not let this page write to the clipboard: select the text and copy it.', true);
  }
}
