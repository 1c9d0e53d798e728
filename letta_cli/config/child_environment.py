"""The environment that commands of the agent get: what programs need to work, and nothing else.

An allow-list: a variable that nobody here has thought of stays out, be it a credential or not.
`passEnvironment` in the settings lets more through by name, `env` sets some.
"""

from collections.abc import Collection, Mapping

from letta_cli.config.environment import is_secret_name

_KNOWN = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP PWD HOSTNAME EMAIL COLUMNS LINES
    COLORTERM NO_COLOR FORCE_COLOR CLICOLOR CI DISPLAY WAYLAND_DISPLAY SSH_AUTH_SOCK DEBIAN_FRONTEND
    VIRTUAL_ENV MANPATH INFOPATH LD_LIBRARY_PATH SOURCE_DATE_EPOCH ARCHFLAGS
    MACOSX_DEPLOYMENT_TARGET SDKROOT DEVELOPER_DIR CC CXX CPP LD AR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
    LDLIBS MAKEFLAGS
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
    REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR M2_HOME HF_HOME HF_HUB_OFFLINE
    PROCESSOR_ARCHITECTURE SYSTEMROOT COMSPEC PATHEXT WINDIR
"""

_KNOWN_BEGINNINGS = """
    LC_ XDG_ PYTHON PYENV_ PYTEST_ PIP_ UV_ POETRY_ PIPENV_ PDM_ HATCH_ TOX_ NOX_ COVERAGE_ CONDA_
    MAMBA_ JUPYTER_ NODE_ NVM_ FNM_ NPM_CONFIG_ npm_config_ YARN_ PNPM_ BUN_ DENO_ VOLTA_ COREPACK_
    GOPATH GOROOT GOBIN GOCACHE GOMODCACHE GOFLAGS GOPROXY GOPRIVATE GONOSUMDB GOSUMDB GOTOOLCHAIN
    GOENV GOARCH GOOS GOEXPERIMENT CGO_ CARGO_ RUST JAVA_ JDK_ MAVEN_ GRADLE_ KOTLIN_ SBT_ SDKMAN_
    DOTNET_ NUGET_ MSBUILD RUBY GEM_ BUNDLE_ RBENV_ RVM_ PHP_ COMPOSER_ PERL LUA_ GHC CABAL_ STACK_
    MIX_ HEX_ ERL_ OPAM OCAML ZIG_ CMAKE_ CTEST_ MESON_ NINJA_ PKG_CONFIG CCACHE_ SCCACHE_ BAZEL
    CUDA_ NVIDIA_ ROCM_ OMP_ MKL_ OPENBLAS_ TORCH_ XLA_ JAX_ ANDROID_ FLUTTER_ DART_ NIX_ HOMEBREW_
    ASDF_ MISE_ DIRENV_ GIT_ SVN_ HG WSL_ MSYS
"""

_NAMES = frozenset(_KNOWN.split())
_FAMILIES = tuple(_KNOWN_BEGINNINGS.split())

# Bash reads these before the command: they would run something else than what was shown.
_SHELL_HOOKS = frozenset({"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PROMPT_COMMAND", "CDPATH"})

# Nothing may wait for a person, page or draw.
_FIXED = {
    "GIT_PAGER": "cat",
    "PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "TERM": "dumb",
}


def child_environment(
    environ: Mapping[str, str], *, passed: Collection[str], extra: Mapping[str, str]
) -> dict[str, str]:
    """What commands that the agent runs may see of `environ`, and what is set for them.

    Args:
        passed: names that are let through whatever they are.
        extra: what the person's settings add; it comes last.
    """
    kept = {name: value for name, value in environ.items() if name in passed or _is_needed(name)}
    return {**kept, **_FIXED, **extra}


def _is_needed(name: str) -> bool:
    known = name in _NAMES or name.startswith(_FAMILIES)
    return known and name not in _SHELL_HOOKS and not is_secret_name(name)
