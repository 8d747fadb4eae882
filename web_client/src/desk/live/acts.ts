/** What the keyboard and the rail do on the live page: the same acts, whichever hand is free. */
import { DESK_KEYS, useKeys, type DeskKeyName } from '../keys'
import { t } from '../text'
import { neighbourOf, nextOpen } from './checklist'
import type { Room } from './room'
import { torchOn, zoomNow } from './tools'

import type { Ref } from 'vue'

const ANSWERS = { conforms: 'conforms', fails: 'fails', na: 'not_applicable', notseen: 'not_seen' } as const

type Items = NonNullable<Room['view']['value']>['checklist']['items']

/** What the page shows at the moment. */
export interface Page {
  current: Ref<string | null>
  shown: Readonly<Ref<Items>>
  items: Readonly<Ref<Items>>
  pointing: Ref<boolean>
  closing: Ref<boolean>
  help: Ref<boolean>
  photo: Ref<string | null>
  concluded: Readonly<Ref<boolean>>
}

export function useActs(room: Room, page: Page): { tool: (name: DeskKeyName) => boolean; askPhoto: (id: string | null) => void } {
  function askPhoto(id: string | null): void {
    void room.act({ do: 'photo.ask', item: id, text: '' }).then((done) => {
      if (done) room.say(t('answer.photo.sent'))
    })
  }

  function focus(selector: string): void {
    document.querySelector<HTMLElement>(selector)?.focus()
  }

  function tool(name: DeskKeyName): boolean {
    const leg = room.applicant.value?.leg ?? ''
    switch (name) {
      case 'pointer':
        page.pointing.value = !page.pointing.value
        return true
      case 'photo':
        askPhoto(page.current.value)
        return true
      case 'torch':
        void room.act({ do: 'ask', kind: 'torch', value: !torchOn(room.view.value), text: '' })
        return true
      case 'lens':
        void room.act({ do: 'ask', kind: 'lens', value: 'next', text: '' })
        return true
      case 'zoomin':
      case 'zoomout': {
        const factor = zoomNow(room.view.value) * (name === 'zoomin' ? 2 : 0.5)
        void room.act({ do: 'ask', kind: 'zoom', value: Math.max(1, Math.min(8, factor)), text: '' })
        return true
      }
      case 'maskpicture':
        void room.act({ do: 'mask.set', leg, on: !(room.view.value?.mask[leg] ?? false) })
        return true
      case 'microphone':
        if (room.inCall.value) void room.toggleMicrophone()
        return true
      default:
        return false
    }
  }

  useKeys(DESK_KEYS, (name) => {
    if (page.closing.value || page.photo.value) return false
    switch (name) {
      case 'picture':
        focus('[data-testid="stage"]')
        return true
      case 'checklist':
        focus(page.current.value ? `#item-${CSS.escape(page.current.value)} .line` : '[data-testid="checklist"] button')
        return true
      case 'photos':
        focus('.photos button')
        return true
      case 'strip':
        focus('[data-testid="second-strip"] [tabindex]')
        return true
      case 'previous':
      case 'next':
        if (page.concluded.value) return false
        page.current.value = neighbourOf(page.shown.value, page.current.value, name === 'next' ? 1 : -1)
        return true
      case 'unanswered':
        page.current.value = nextOpen(page.items.value, page.current.value) ?? page.current.value
        return true
      case 'conforms':
      case 'fails':
      case 'na':
      case 'notseen': {
        const item = page.items.value.find((entry) => entry.id === page.current.value)
        if (!item || !item.applies || !room.running.value) return false
        void room.answer(item, { value: ANSWERS[name] })
        return true
      }
      case 'note':
        focus('[data-testid="answer-note"]')
        return true
      case 'help':
        page.help.value = true
        return true
      case 'save':
        return false
      default:
        return room.inCall.value ? tool(name) : false
    }
  })

  return { tool, askPhoto }
}
