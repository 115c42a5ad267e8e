import { useSyncExternalStore } from 'react';

export type ThemeWish = 'system' | 'light' | 'dark';
const KEY = 'graft-theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function wish(): ThemeWish {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}

/** Puts the wish, or the system's, on the root element, where the style sheet looks. */
export function applyTheme(): void {
  const wanted = wish();
  const theme = wanted === 'system' ? (dark.matches ? 'dark' : 'light') : wanted;
  document.documentElement.dataset['theme'] = theme;
  for (const listener of listeners) listener();
}

export function wishTheme(next: ThemeWish): void {
  try {
    if (next === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is barred: the choice lasts as long as the page.
  }
  applyTheme();
}

dark.addEventListener('change', applyTheme);

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useThemeWish = (): ThemeWish => useSyncExternalStore(subscribe, wish);
/** What is shown: charts read their colours anew when it changes. */
export const useTheme = (): string =>
  useSyncExternalStore(subscribe, () => document.documentElement.dataset['theme'] ?? 'light');
