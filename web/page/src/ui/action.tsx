import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import { postJson } from '../lib/api.ts';
import { useMayAct } from '../lib/session.ts';
import { Dialog } from './dialog.tsx';
import { Problem } from './parts.tsx';
import { say } from './toasts.tsx';

export interface ActionField {
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'number' | 'check';
  readonly initial: string;
  readonly required?: boolean;
  readonly hint?: string;
}

interface ActionProps {
  readonly label: string;
  readonly icon?: ReactNode;
  readonly tone?: 'primary' | 'danger';
  /** What will happen, in a sentence or two. */
  readonly about: ReactNode;
  readonly path: string;
  /** Asked before; by default nothing. */
  readonly fields?: readonly ActionField[];
  readonly body?: (values: Readonly<Record<string, string>>) => unknown;
  readonly done: string;
}

/** A button that asks first, then posts, then has all that the page shows asked for again. */
export function Action(props: ActionProps) {
  const [open, setOpen] = useState(false);
  const mayAct = useMayAct();
  return (
    <>
      <button
        type="button"
        className={props.tone}
        disabled={!mayAct}
        title={mayAct ? undefined : 'Your role is to look on: an approver may do this'}
        onClick={() => {
          setOpen(true);
        }}
      >
        {props.icon}
        {props.label}
      </button>
      {open ? (
        <ActionDialog
          {...props}
          onClose={() => {
            setOpen(false);
          }}
        />
      ) : null}
    </>
  );
}

function ActionDialog({
  label,
  tone,
  about,
  path,
  fields = [],
  body,
  done,
  onClose,
}: ActionProps & { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(fields.map(({ name, initial }) => [name, initial])),
  );
  const change = useMutation({
    mutationFn: () => postJson(path, body?.(values) ?? {}),
    onSuccess: async () => {
      say(done);
      onClose();
      await queries.invalidateQueries();
    },
  });
  return (
    <Dialog title={label} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <p>{about}</p>
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            value={values[field.name] ?? ''}
            onChange={(value) => {
              setValues((before) => ({ ...before, [field.name]: value }));
            }}
          />
        ))}
        {change.error === null ? null : <Problem error={change.error} />}
        <footer>
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className={tone ?? 'primary'} disabled={change.isPending}>
            {change.isPending ? 'Asking …' : label}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

interface FieldInputProps {
  readonly field: ActionField;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function FieldInput({ field, value, onChange }: FieldInputProps) {
  const id = useId();
  if (field.kind === 'check') {
    return (
      <label className="field">
        <input
          type="checkbox"
          checked={value === 'true'}
          onChange={(event) => {
            onChange(String(event.target.checked));
          }}
        />
        {field.label}
      </label>
    );
  }
  return (
    <div className="field block">
      <label htmlFor={id}>{field.label}</label>
      <input
        id={id}
        type={field.kind}
        value={value}
        required={field.required ?? false}
        maxLength={500}
        {...(field.kind === 'number' ? { min: 1, step: 1 } : {})}
        onChange={(event) => {
          onChange(event.target.value);
        }}
      />
      {field.hint === undefined ? null : <span className="small">{field.hint}</span>}
    </div>
  );
}
