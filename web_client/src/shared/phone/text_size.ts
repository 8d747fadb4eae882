import { ref } from 'vue'

/** 标准 大 特大 超大: remembered on this device, applied to the root so that everything in rem follows. */
export type TextStep = 1 | 2 | 3 | 4

function read(): TextStep {
  try {
    const step = Number(localStorage.getItem('yk.text'))
    return step === 2 || step === 3 || step === 4 ? step : 1
  } catch {
    return 1
  }
}

export const textStep = ref<TextStep>(read())

function apply(): void {
  document.documentElement.dataset['text'] = String(textStep.value)
}
apply()

export function setTextStep(step: TextStep): void {
  textStep.value = step
  apply()
  try {
    localStorage.setItem('yk.text', String(step))
  } catch {
    // not remembered then
  }
}
