import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

const page = (name: string): string => fileURLToPath(new URL(`${name}.html`, import.meta.url))

// Pages, each with its own entry, so that a phone never loads the desk.
export default defineConfig({
  plugins: [vue()],
  // Everything is served from the root; the node answers /i/<token>, /hall/…, /desk/… with the page of that name.
  base: '/',
  build: {
    rollupOptions: {
      input: {
        desk: page('desk'),
        applicant: page('applicant'),
        audit: page('audit'),
        verify: page('verify'),
        hall: page('hall'),
        wall: page('wall'),
      },
    },
    // WebViews of phones that are five years old (WeChat's XWEB on Chrome 73 and later, iOS 14).
    target: ['es2018', 'chrome73', 'safari14'],
    cssTarget: ['chrome73', 'safari14'],
    // Content-Security-Policy is `default-src 'self'`: no data: URIs, no inline code.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
  },
  // Only pure modules are tested here, without a browser's DOM; pages are tested in real browsers.
  test: { environment: 'node', include: ['src/**/*.test.ts'], setupFiles: ['./vitest.setup.ts'] },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8480', ws: true } } },
})
