"""What `prepare` accepts and refuses, as named values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Thresholds have two levels: beyond `..._check` a clip is kept and listed for review, beyond
    `..._reject` it is left out.

    `shortest_s` to `longest_s` bound every clip; `wanted_s` is what slicing aims at, in pauses of
    at least `pause_s`. XTTS trains on at most 11.6 s, F5 on 30 s.
    `snr_*_db`: level of the speech above the recording's own noise floor. `clipped_*`: part of the
    samples at the peak value. `bandwidth_*_hz`: the highest frequency with sound; a telephone
    ends at 3,400 Hz. `pace_*`: characters a second, as a multiple of the set's median or its
    inverse. `word_errors_*`: of the given text against the recogniser's, 0 to 1.
    `same_outline`: correlation of two clips' outlines above which they are duplicates.
    `other_voice`: distance of a clip's timbre from the speaker's median, in robust deviations, and
    `other_pitch` in octaves; both are only listed.
    `loudness_lufs`: one gain for each long recording, and for each speaker's folder of clips;
    None leaves the level unchanged. `validation` is the part of the clips held out, by text.
    `speaker` is the speaker if the data name none; with `speaker_folders` it is the first folder.
    `outside`: also read recordings outside the folder that a link or a list names.
    """

    language: str = "en"
    speaker: str = ""
    speaker_folders: bool = False
    shortest_s: float = 1.0
    longest_s: float = 12.0
    wanted_s: tuple[float, float] = (3.0, 11.0)
    pause_s: float = 0.3
    snr_reject_db: float = 12.0
    snr_check_db: float = 18.0
    clipped_reject: float = 1e-3
    clipped_check: float = 2e-4
    bandwidth_reject_hz: float = 5000.0
    bandwidth_check_hz: float = 7250.0
    pace_reject: float = 2.0
    pace_check: float = 1.6
    word_errors_reject: float = 0.6
    word_errors_check: float = 0.25
    same_outline: float = 0.98
    other_voice: float = 2.0
    other_pitch: float = 0.5
    loudness_lufs: float | None = -23.0
    peak_db: float = -1.0
    validation: float = 0.02
    least_minutes: float = 2.0
    outside: bool = False

    def __post_init__(self) -> None:
        low, high = self.wanted_s
        if not 0 < self.shortest_s <= low <= high <= self.longest_s:
            raise ValueError("shortest_s, wanted_s and longest_s must be in increasing order.")
        if not 0 <= self.validation < 0.5:
            raise ValueError("validation must be in [0, 0.5).")
        if self.pause_s <= 0 or self.pace_check < 1 or self.pace_reject < 1:
            raise ValueError("pause_s must be positive, pace_check and pace_reject at least 1.")
