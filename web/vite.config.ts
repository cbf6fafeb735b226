import {defineConfig} from "vite";

// One script, one style sheet, relative addresses: the bundle works below any path and under `default-src 'none'`. Nothing is inlined.
export default defineConfig({
  base: "./",
  esbuild: {jsx: "automatic", legalComments: "eof"},
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {output: {entryFileNames: "console-[hash].js", assetFileNames: "console-[hash][extname]"}},
  },
});
