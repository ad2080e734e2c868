/** Calls a function once its callers are quiet. */
export const debounce = (callback, wait = 100) => {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => callback(...args), wait);
  };
};

/** Waits so many milliseconds. */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
