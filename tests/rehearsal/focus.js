// After a Tab key: which of the things that can be focused show nothing when they are. Leaves nothing focused.
() => {
  const bare = []
  const found = document.querySelectorAll('a[href], button:not(:disabled), input:not(:disabled), textarea, summary, [tabindex="0"]')
  for (const element of found) {
    // A date field opens its calendar when it is focused; its frame is the component's.
    if (!element.getClientRects().length || element.closest('.el-date-editor')) continue
    element.focus({ preventScroll: true })
    if (document.activeElement !== element) continue
    const rings = [element, element.closest('.el-select__wrapper')].filter(Boolean).map((one) => getComputedStyle(one))
    if (!rings.some((style) => style.boxShadow !== 'none' || (style.outlineStyle !== 'none' && style.outlineColor !== 'rgba(0, 0, 0, 0)')))
      bare.push(`${element.tagName.toLowerCase()}.${element.className} “${(element.innerText || '').trim().slice(0, 24)}”`)
  }
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
  return bare
}
