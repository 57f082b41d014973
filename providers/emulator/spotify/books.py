"""The audiobooks on the shelf, as a table like that of `music`.

@ audiobook | authors | narrators | language | released | what it is about
- chapter | m:ss
"""

from __future__ import annotations

MARKETS = frozenset({"US", "GB", "CA", "IE", "NZ", "AU"})
"""Where there are audiobooks at all (Get an Audiobook, web reference)."""

AUDIOBOOKS = """
@ Dubliners | James Joyce | Niamh Kearney | en | 2024-05-14 | Fifteen stories of one city.
- Opening Credits | 0:23
- The Sisters | 21:40
- An Encounter | 23:12
- Araby | 15:48
- Eveline | 12:05
- After the Race | 13:31
- Two Gallants | 28:20
- The Dead | 104:57
@ The Wind in the Willows | Kenneth Grahame | Oliver Finch, Prue Hale | en | 2023-11-02 | Of a toad.
- The River Bank | 38:14
- The Open Road | 34:50
- The Wild Wood | 36:02
@ Twenty Thousand Leagues Under the Sea | Jules Verne | Tomas Weir | en | 2022-08-19 | A strange vessel.
- A Shifting Reef | 14:27
- Pro and Con | 13:55
- I Form My Resolution | 11:08
- Ned Land | 15:36
- At a Venture | 13:19
- At Full Steam | 17:44
- An Unknown Species of Whale | 12:58
- Mobilis in Mobili | 16:31
- Ned Land's Tempers | 13:07
- The Man of the Seas | 18:22
- All by Electricity | 15:49
- Some Figures | 12:16
- The Black River | 19:30
- A Note of Invitation | 13:41
- A Walk on the Bottom of the Sea | 12:02
- A Submarine Forest | 13:25
- Four Thousand Leagues Under the Pacific | 14:10
- Vanikoro | 19:54
- Torres Straits | 15:33
- A Few Days on Land | 20:45
- Captain Nemo's Thunderbolt | 20:18
- Aegri Somnia | 17:29
- The Coral Kingdom | 16:06
"""
