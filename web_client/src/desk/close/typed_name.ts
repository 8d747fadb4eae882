/** A typed name as a picture, for those who cannot draw with a mouse. It stands where a drawn one would; the key signs all the same. */
const WIDTH = 600
const HEIGHT = 200
const FONT = '600 88px "STKaiti", "KaiTi", "Noto Serif CJK SC", serif'

export async function drawnName(name: string): Promise<Blob | null> {
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const pen = canvas.getContext('2d')
  if (pen === null) return null
  pen.font = FONT
  // The PDF is paper: black, whatever the theme of the page.
  pen.fillStyle = 'black'
  pen.textAlign = 'center'
  pen.textBaseline = 'middle'
  pen.fillText(name, WIDTH / 2, HEIGHT / 2, WIDTH - 40)
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'))
}
