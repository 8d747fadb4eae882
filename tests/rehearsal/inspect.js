// What a careful visitor would notice about the page that is open, as plain data. Only looks; changes nothing but the focus.
([width, closely]) => {
  const root = document.documentElement
  const shown = (element) => {
    if (!element.getClientRects().length) return false
    const style = getComputedStyle(element)
    return style.visibility !== 'hidden' && style.display !== 'none'
  }
  const hiddenFromEyes = (element) => Boolean(element.closest('.visually-hidden, .skip'))
  const name = (element) => {
    const id = element.closest('[data-testid]')?.dataset.testid ?? ''
    const words = (element.innerText || element.getAttribute('aria-label') || '').trim().slice(0, 24)
    return `${element.tagName.toLowerCase()}${id ? `[${id}]` : ''}${element.className?.baseVal ?? element.className ? `.${String(element.className.baseVal ?? element.className).split(' ')[0]}` : ''} “${words}”`
  }
  // An element that another one scrolls or clips does not make the page wider.
  const held = (element) => {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
      if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(up).overflowX)) return true
    return false
  }

  const PRESS = 'a[href], button, input, select, textarea, summary, [role=button], [role=radio], [role=tab]'

  // -- wider than the window
  const wide = []
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect()
    if (box.width && (box.right > width + 1 || box.left < -1) && shown(element) && !hiddenFromEyes(element) && !held(element))
      wide.push(`${name(element)} ${Math.round(box.left)}…${Math.round(box.right)}`)
  }

  if (!closely) return { width: root.scrollWidth, wide: wide.slice(0, 6), targets: reach() }

  // -- words, each with the language it is marked with
  const words = []
  const say = (element, text, where) => {
    const clean = text.replace(/\s+/g, ' ').trim()
    if (clean && !element.closest('kbd, .mono, code, script, style'))
      words.push({ text: clean, lang: element.closest('[lang]')?.lang ?? '', where: where ?? name(element) })
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node.parentElement && shown(node.parentElement)) say(node.parentElement, node.data)
  for (const attribute of ['placeholder', 'aria-label', 'title', 'alt'])
    for (const element of document.body.querySelectorAll(`[${attribute}]`))
      if (shown(element)) say(element, element.getAttribute(attribute), `${attribute} of ${name(element)}`)

  // -- things to press, with the space that a finger has
  function reach() {
    const targets = []
    for (const element of document.body.querySelectorAll(PRESS)) {
      if (!shown(element) || hiddenFromEyes(element) || element.type === 'hidden') continue
      const label = ['checkbox', 'radio'].includes(element.type) ? element.closest('label') : null
      const box = (label ?? element).getBoundingClientRect()
      if (box.width && box.height) targets.push({ name: name(element), width: Math.round(box.width), height: Math.round(box.height) })
    }
    return targets
  }

  // -- contrast of text with what is painted beneath it (WCAG 2.2, 1.4.3); pictures and disabled controls are left out
  const parse = (colour) => {
    const numbers = (/rgba?\(([^)]+)\)/.exec(colour)?.[1] ?? '0,0,0,0').split(/[ ,/]+/).map(Number)
    return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 }
  }
  const over = (top, below) => top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha))
  const paintedBeneath = (element) => {
    const layers = []
    for (let up = element; up; up = up.parentElement) {
      const colour = parse(getComputedStyle(up).backgroundColor)
      if (colour.alpha > 0) layers.push(colour)
      if (colour.alpha === 1) break
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255])
  }
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const pale = []
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    if (!own || !shown(element) || hiddenFromEyes(element) || element.closest(':disabled, [aria-disabled=true], .is-disabled, svg')) continue
    let opacity = 1
    for (let up = element; up; up = up.parentElement) opacity *= Number(getComputedStyle(up).opacity)
    const style = getComputedStyle(element)
    const below = paintedBeneath(element)
    const ink = parse(style.color)
    const pair = [light(over({ rgb: ink.rgb, alpha: ink.alpha * opacity }, below)), light(below)].sort((a, b) => b - a)
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05)
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700)
    if (ratio < (large ? 3 : 4.5)) pale.push(`${name(element)} ${ratio.toFixed(1)}`)
  }

  return {
    title: document.title,
    lang: root.lang,
    headings: [...document.querySelectorAll('h1')].filter(shown).map((heading) => heading.innerText.trim()),
    width: root.scrollWidth,
    wide: wide.slice(0, 6),
    words,
    targets: reach(),
    pale: pale.slice(0, 6),
  }
}
