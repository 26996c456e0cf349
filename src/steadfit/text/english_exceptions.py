"""Words that English splits, or keeps, against the general rules; as in spaCy."""

from __future__ import annotations

from collections.abc import Iterable


def english_exceptions() -> dict[str, tuple[str, ...]]:
    """Return the parts of each exceptional word: `don't` → (`do`, `n't`), `Mr.` → (`Mr.`,)."""
    table: dict[str, tuple[str, ...]] = {}
    for parts in (*_kept(), *_contractions(), *_others()):
        table["".join(parts)] = tuple(parts)
    for word in _PLAIN_WORDS.split():
        table.pop(word)
    for word, parts in list(table.items()):
        table[word.replace("'", "’")] = tuple(part.replace("'", "’") for part in parts)
    return table


# Contractions without their apostrophe that are words of their own.
_PLAIN_WORDS = "Ill ill Its its Hell hell Shell shell Shed shed Were were Well well Whore whore"

_ABBREVIATIONS = """
Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind.
Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb.
Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. Bros. co. Co.
Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr.
Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. and/or w/o C++ <space> \\t \\n \\") — ' ''
'S 's ‘S ‘s 're 'd 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout em 'em ll 'll nuff 'nuff
ma'am Ma'am o'clock O'clock ä. ö. ü.
"""
_FACES = """
[: [-: (o: :o) (: (-: ): )-: :'-) :') :'( :'-( :1 :() >:( >:o ;) ;-) (; (-; ;D ;-D =) (= [= =]
]= =[ =( =/ =| =3 =D 8) 8-) (-8 8D 8-D xD XD xDD XDD ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__-
v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3
(^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>
"""
_MOUTHS = ") )) ))) ( (( ((( ] } / | P p O o 0 * 3 > X x D"


def _kept() -> Iterable[tuple[str, ...]]:
    for word in (_ABBREVIATIONS + _FACES).split():
        yield (word,)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        yield (letter + ".",)
    for mouth in _MOUTHS.split():
        yield (":" + mouth,)
        yield (":-" + mouth,)
    for word in _both_cases("doin goin nothin nuthin ol somethin lovin havin"):
        yield (word,)
        yield (word + "'",)


def _contractions() -> Iterable[tuple[str, ...]]:
    yield from _join("i", "m")
    for stem in _both_cases("i"):
        yield (stem, "'m", "a")
        yield (stem, "m", "a")
    questions = "who what when where why how there"
    singular, plural = "that this", "these those"
    everyone = "i you he she it we they"
    for ending in ("ll", "ll ve", "d", "d ve"):
        yield from _join(f"{everyone} {questions} {singular} {plural}", ending)
    yield from _join(f"i you we they {questions} {plural}", "ve")
    yield from _join(f"you we they {questions} {plural}", "re")
    yield from _join(f"he she it {questions} {singular}", "s")
    modal = "could might must should would"
    yield from _join(f"{modal} not", "ve")
    with_have = f"ca do does did had may need ought sha wo {modal}"
    for stem in _both_cases(f"{with_have} ai are is was were have has dare"):
        yield (stem, "n't")
        yield (stem, "nt")
    for stem in _both_cases(with_have):
        yield (stem, "n't", "'ve")
        yield (stem, "nt", "ve")


def _others() -> Iterable[tuple[str, ...]]:
    for hour in range(1, 13):
        for period in ("a.m.", "am", "p.m.", "pm"):
            yield (str(hour), period)
    yield ("y'", "all")
    yield ("y", "all")
    for parts in ("how 'd 'y", "can not", "gon na", "got ta", "let 's", "c'm on"):
        first, *rest = parts.split()
        yield (first, *rest)
        yield (first.capitalize(), *rest)
    for scale in "cfkCFK":
        yield ("°", scale, ".")


def _join(stems: str, endings: str) -> Iterable[tuple[str, ...]]:
    parts = endings.split()
    for stem in _both_cases(stems):
        yield (stem, *("'" + part for part in parts))
        yield (stem, *parts)


def _both_cases(words: str) -> list[str]:
    return [form for word in words.split() for form in (word, word.capitalize())]
