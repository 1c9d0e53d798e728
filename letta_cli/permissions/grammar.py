"""The grammar of tree-sitter-bash as far as it is relied on: nodes, and the text around them."""

import re

GAP = re.compile(r"(?:[ \t\n]|(?<=[ \t\n])\\\n)*\Z")
BLANK = re.compile(r"(?:[ \t]|(?<=[ \t])\\\n)*\Z")
EXPANSION = re.compile(
    r"\$\{#?[A-Za-z_]\w*(\[[@*\d]+\])?\}|\$\{[@*#?]\}|\$\{\d+\}"
    r"|\$\{[A-Za-z_]\w*(:[-+?]|[-+?]|%%?|##?|//?|\^\^?|,,?)[^`$\\]*\}\Z"
)
STATEMENTS = frozenset(
    {
        "program", "list", "do_group", "compound_statement", "subshell", "if_statement",
        "elif_clause", "else_clause", "while_statement", "negated_command"
    }
)  # fmt: skip
CONDITIONAL = frozenset({"list", "if_statement", "while_statement", "subshell", "pipeline",
                          "function_definition", "case_statement"})  # fmt: skip
WORDS = frozenset(
    {
        "word", "string", "raw_string", "ansi_c_string", "translated_string", "concatenation",
        "number", "simple_expansion", "expansion", "command_substitution", "arithmetic_expansion",
        "process_substitution", "brace_expression", "regex", "extglob_pattern",
        "special_variable_name"
    }
)  # fmt: skip
LISTED_OPERATORS = frozenset({"&&", "||", ";", "&", "\n", "|", "|&"})

SETS_VARIABLE = re.compile(r"(?<!\$)\{\w+\}\Z")
"""What stands right before a redirection whose descriptor goes into a variable; to the grammar it
is an ordinary word."""
