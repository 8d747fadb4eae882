/** Which browser this is, as far as it changes what a person must do to allow the camera. */
import type { TextKey } from '../text'

export interface Browser {
  name: 'wechat' | 'qq' | 'uc' | 'safari' | 'other'
  system: 'android' | 'ios' | 'other'
  /** iOS before 14.3 gives pages inside other apps no camera. */
  oldIos: boolean
}

export function readBrowser(agent: string): Browser {
  const ios = /iPhone|iPad|iPod/.test(agent)
  const version = /OS (\d+)_(\d+)/.exec(agent)
  const oldIos = ios && version !== null && Number(version[1]) * 100 + Number(version[2]) < 1403
  const name = /MicroMessenger/i.test(agent)
    ? 'wechat'
    : /\bQQ\//.test(agent)
      ? 'qq'
      : /UCBrowser/i.test(agent)
        ? 'uc'
        : ios && /Safari/.test(agent) && !/CriOS|FxiOS|EdgiOS/.test(agent)
          ? 'safari'
          : 'other'
  return { name, system: ios ? 'ios' : /Android/.test(agent) ? 'android' : 'other', oldIos }
}

/** The app inside which no page can have video (C07), or null. */
export function appWithoutVideo(browser: Browser): string | null {
  if (browser.name === 'qq') return 'QQ'
  if (browser.name === 'uc') return 'UC'
  if (browser.name === 'wechat' && browser.system === 'ios' && browser.oldIos) return '微信'
  return null
}

/** The steps that open the camera here, first the likeliest. */
export function stepsToAllow(browser: Browser): TextKey[] {
  if (browser.name === 'wechat')
    return browser.system === 'ios' ? ['help.wechat_ios', 'help.system'] : ['help.wechat_android', 'help.system']
  if (browser.system === 'ios') return ['help.ios_safari', 'help.system']
  if (browser.system === 'android') return ['help.android', 'help.system']
  return ['help.android']
}
