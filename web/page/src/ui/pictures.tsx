import { ImageOff } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import './pictures.css';

export interface DrawnBox {
  /** Shares of the picture's width and height, from its upper left. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly label: string;
  readonly tone: 'truth' | 'prediction' | 'wrong' | 'missed';
}

export interface Picture {
  readonly key: string;
  readonly src: string | null;
  /** What it shows, for those who don't see it: its path and label. */
  readonly alt: string;
  readonly boxes?: readonly DrawnBox[];
  readonly caption: ReactNode;
  /** In the place of `src`: where the address has to be found first. */
  readonly picture?: ReactNode;
}

/** Pictures in a grid, each asked for when it comes into sight. */
export const Pictures = ({ label, pictures }: { readonly label: string; readonly pictures: readonly Picture[] }) => (
  <ul className="pictures" aria-label={label}>
    {pictures.map((picture) => (
      <li key={picture.key}>
        <figure>
          {picture.picture ?? <Framed src={picture.src} alt={picture.alt} boxes={picture.boxes ?? []} />}
          <figcaption>{picture.caption}</figcaption>
        </figure>
      </li>
    ))}
  </ul>
);

/** A picture with what is drawn on it. Its file is a stranger's: only ever an image, whatever it says of itself. */
export function Framed({ src, alt, boxes }: Required<Pick<Picture, 'src' | 'alt' | 'boxes'>>) {
  const [broken, setBroken] = useState(false);
  if (src === null || broken) {
    return (
      <div className="picture-none">
        <ImageOff size={22} aria-hidden />
        <span className="unseen">{alt}: can’t be shown</span>
      </div>
    );
  }
  return (
    <div className="picture">
      <span>
        <img
          src={src}
          alt={alt}
          loading="lazy"
          decoding="async"
          onError={() => {
            setBroken(true);
          }}
        />
        {boxes.map(({ x, y, width, height, label, tone }, index) => (
          <span
            key={index}
            className={`box box-${tone}`}
            style={{ left: share(x), top: share(y), width: share(width), height: share(height) }}
          >
            <span>{label}</span>
          </span>
        ))}
      </span>
    </div>
  );
}

const share = (value: number): string => `${String(value * 100)}%`;
