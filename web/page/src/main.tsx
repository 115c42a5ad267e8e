import { startTransition } from 'react';
import { createRoot } from 'react-dom/client';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/ui.css';
import { App } from './app.tsx';
import { applyTheme } from './lib/theme.ts';

applyTheme();
const root = document.getElementById('root');
// A transition is drawn in slices of a few milliseconds, between which the browser answers.
if (root !== null) {
  startTransition(() => {
    createRoot(root).render(<App />);
  });
}
