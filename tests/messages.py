"""What an error says, apart from the user's line: a table of cases has the expected words on that line."""


def said(error: BaseException) -> str:
    """The message without the line that it quotes.

    >>> said(ValueError("add: no\\n  at test.py:1: (call, 'add: no')\\n  fix: another"))
    'add: no\\n  fix: another'
    """
    return "\n".join(line for line in str(error).splitlines() if not line.startswith("  at "))
