"""Why the desk does not do what it is asked: one class for each kind, each with one sentence for the reader."""


class Refusal(Exception):
    """What somebody asks for is not done; the text is one whole sentence that says why and what helps."""


class NotThere(Refusal):
    """Something of that key or name is not known here, or its footage is gone."""


class Unusable(Refusal):
    """What was asked cannot be meant: a number out of its range, a camera that the gallery does not have."""


class NoPicture(Refusal):
    """What was given as a picture is none, or is of a kind that is not read here."""


class TooLarge(Refusal):
    """What was given has more bytes or pixels than are taken."""


class TooMany(Refusal):
    """More is asked for at once than is done for one reader; it goes on after a while."""


class NotReady(Refusal):
    """The models of the gallery cannot be loaded."""
