import { useMutation } from '@tanstack/react-query';
import { ImageUp } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Model, Models, Prediction } from '../../../../contracts/web.ts';
import { Bars } from '../charts/bars.tsx';
import { postBlob } from '../lib/api.ts';
import { percent, plural } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, Problem } from '../ui/parts.tsx';
import { Framed } from '../ui/pictures.tsx';

export function TryIt() {
  const models = useApi<Models>('/models');
  return (
    <>
      <PageHead title="Try it" lead="Drop an image and see what a version makes of it. It is not kept." />
      <Answered of={models}>
        {(data) =>
          data.models.length === 0 ? (
            <Card title="Try it">
              <Empty title="There is no model to try yet" />
            </Card>
          ) : (
            <Trial models={data.models} />
          )
        }
      </Answered>
    </>
  );
}

function Trial({ models }: { readonly models: Models['models'] }) {
  const [params] = useSearchParams();
  const [name, setName] = useState(params.get('model') ?? models[0]?.name ?? '');
  const [version, setVersion] = useState('');
  const [file, setFile] = useState<File | null>(null);
  const model = useApi<Model>(`/models/${encodeURIComponent(name)}`, { enabled: name !== '' });
  const wanted = version === '' ? name : `${name}@${version}`;
  const predict = useMutation({
    mutationFn: ({ of, image }: { of: string; image: File }) =>
      postBlob<Prediction>('/predict', { model: of, top: 10 }, image),
  });
  const { mutate } = predict;
  useEffect(() => {
    if (file !== null) mutate({ of: wanted, image: file });
  }, [file, wanted, mutate]);
  return (
    <div className="columns">
      <Card title="Image">
        <div className="stack">
          <div className="row">
            <label className="field">
              Model
              <select
                value={name}
                onChange={(event) => {
                  setName(event.target.value);
                  setVersion('');
                }}
              >
                {models.map((each) => (
                  <option key={each.name}>{each.name}</option>
                ))}
              </select>
            </label>
            <label className="field">
              Version
              <select
                value={version}
                onChange={(event) => {
                  setVersion(event.target.value);
                }}
              >
                <option value="">champion</option>
                {model.data?.versions.map((each) => (
                  <option key={each.version}>{each.version}</option>
                ))}
              </select>
            </label>
          </div>
          <DropPlace onFile={setFile} />
          {file === null ? null : <Shown file={file} prediction={predict.data} />}
        </div>
      </Card>
      <Card title="What it says">
        <Answer file={file} pending={predict.isPending} error={predict.error} prediction={predict.data} />
      </Card>
    </div>
  );
}

interface AnswerProps {
  readonly file: File | null;
  readonly pending: boolean;
  readonly error: Error | null;
  readonly prediction: Prediction | undefined;
}

function Answer({ file, pending, error, prediction }: AnswerProps) {
  if (file === null) return <Empty title="No image yet" />;
  if (error !== null) return <Problem error={error} />;
  if (pending || prediction === undefined) return <p className="muted">Looking …</p>;
  return (
    <div className="stack" role="status">
      <p>
        {prediction.model} version {prediction.version}: <strong>{said(prediction)}</strong>
      </p>
      <Bars
        label="Predictions"
        max={1}
        bars={prediction.predictions.map(({ label, score }, index) => ({
          name:
            prediction.predictions.findIndex((each) => each.label === label) === index
              ? label
              : `${label} (${String(index + 1)})`,
          value: score,
          text: percent(score),
        }))}
      />
    </div>
  );
}

/** The likeliest class; of a detector, how many objects there are. */
function said({ predictions }: Prediction): string {
  const [first] = predictions;
  if (first === undefined) return 'nothing that it is sure of';
  return first.box === undefined ? first.label : plural(predictions.length, 'object');
}

/** The field itself lies over the whole place, unseen: the browser lets files be dropped on it, and keys reach it. */
const DropPlace = ({ onFile }: { readonly onFile: (file: File) => void }) => (
  <div className="drop">
    <ImageUp size={26} aria-hidden />
    <label htmlFor="image">Drop an image here, or choose one</label>
    <input
      id="image"
      type="file"
      accept="image/*"
      onChange={(event) => {
        const file = event.target.files?.[0];
        if (file !== undefined) onFile(file);
      }}
    />
  </div>
);

function Shown({ file, prediction }: { readonly file: File; readonly prediction: Prediction | undefined }) {
  const url = useMemo(() => URL.createObjectURL(file), [file]);
  const [size, setSize] = useState<{ width: number; height: number } | null>(null);
  useEffect(() => {
    const image = new Image();
    image.onload = () => {
      setSize({ width: image.naturalWidth, height: image.naturalHeight });
    };
    image.src = url;
    return () => {
      URL.revokeObjectURL(url);
    };
  }, [url]);
  const boxes = (prediction?.predictions ?? []).flatMap(({ label, score, box }) =>
    box === undefined || size === null
      ? []
      : [
          {
            ...{ x: box.xMin / size.width, y: box.yMin / size.height, tone: 'prediction' as const },
            ...{ width: (box.xMax - box.xMin) / size.width, height: (box.yMax - box.yMin) / size.height },
            label: `${label} ${percent(score, 0)}`,
          },
        ],
  );
  return <Framed src={url} alt={file.name} boxes={boxes} />;
}
