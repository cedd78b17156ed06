/** A dice that falls the same way for the same seed: gives whole numbers below its argument (xorshift32). */
export function random(seed) {
  let state = (seed * 0x9e3779b9) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
