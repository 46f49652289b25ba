"""Arms ready to compose prompts; every fault of a template, an example file or a corpus is reported here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from evalkit.arms.arm import Arm
from evalkit.arms.expand import suite_arm
from evalkit.data.examples import own_examples
from evalkit.digest import digest_of
from evalkit.errors import InputError, Problem, SuiteError
from evalkit.prompts.composer import CASE_FIELDS, EXAMPLE_FIELDS, Composer, field_problems
from evalkit.prompts.examples import ExampleChooser, Ranker
from evalkit.prompts.template import Template, unknown_field
from evalkit.records.arm import ArmFacts
from evalkit.records.case import Case, Example, Passage
from evalkit.registry import RETRIEVERS
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.build import build_retriever, build_searcher, compares_vectors
from evalkit.retrieval.chunks import cut
from evalkit.retrieval.passage_vectors import PassageVectors
from evalkit.retrieval.protocol import Retriever
from evalkit.retrieval.searcher import Searcher
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import OptimisedPrompt, PromptConfig, PromptUse, RetrievalConfig, Suite
from evalkit.suite.yaml_data import Location

ReadExamples = Callable[[str], Sequence[Example]]
ReadCorpus = Callable[[str], Sequence[Passage]]


def build_arms(
    suite: Suite,
    facts: Sequence[ArmFacts],
    cases: Iterable[Case],
    *,
    read_examples: ReadExamples,
    read_corpus: ReadCorpus,
) -> list[Arm]:
    """Build all arms; arms with the same corpus, chunks and method share one retriever.

    One retriever serves all arms with the same corpus, method and options, and each file is read once.

    Args:
        suite: The suite.
        facts: From ``expand_arms``; the arms come back in this order.
        cases: All of them, read once: their columns decide which fields a template may name, their clusters how many
            examples are left for each.
        read_examples: From the path in the suite to examples, in file order.
        read_corpus: From the path in the suite to passages with text, in corpus order.

    Raises:
        SuiteError: A template names a field that nothing fills, an arm shows more shots than there are
            examples for some case, or retrieval refuses its options or its corpus.
        DataError: A file cannot be read.
    """
    builder = _Builder(suite, cases, read_examples, read_corpus)
    arms = [builder.arm(each) for each in facts]
    if builder.problems:
        raise SuiteError(*dict.fromkeys(builder.problems))
    return [arm for arm in arms if arm is not None]


def build_composer(suite: Suite, model: str) -> Composer:
    """The prompt that a ``type: tuned`` model is trained with: its own, else that of the first arm that uses it.

    Its ``training_messages`` show neither shots nor passages.
    """
    return Composer(_training_prompt(suite, model).model_copy(update={"shots": 0}))


def _training_prompt(suite: Suite, model: str) -> PromptConfig:
    config = suite.models[model]
    if isinstance(config, TunedModelConfig) and config.prompt is not None:
        return suite.prompt(config.prompt)
    users = (suite.prompt_of(name)[1] for name, arm in suite.arms.items() if arm.model == model)
    return next(users, PromptConfig())


class _Builder:
    """Reads each file once, builds each retriever once, and collects what is wrong."""

    def __init__(
        self, suite: Suite, cases: Iterable[Case], read_examples: ReadExamples, read_corpus: ReadCorpus
    ) -> None:
        self.problems: list[Problem] = []
        self._suite = suite
        self._case_fields: dict[str, None] = {}
        self._clusters: set[str] = set()
        self._gold: set[str] = set()
        for case in cases:
            self._case_fields.update(dict.fromkeys(case.fields))
            self._clusters.add(case.cluster)
            self._gold.update(case.gold_passages)
        self._read_examples = read_examples
        self._read_corpus = read_corpus
        self._examples: dict[str, Sequence[Example]] = {}
        self._rankers: dict[str, Ranker] = {}
        self._corpora: dict[str, Sequence[Passage]] = {}
        self._chunks: dict[str, Sequence[Passage]] = {}
        self._vectors: dict[str, PassageVectors] = {}
        self._finders: dict[str, Retriever | Searcher] = {}

    def arm(self, facts: ArmFacts) -> Arm | None:
        """The arm, or None where something is wrong with it."""
        before = len(self.problems)
        name = suite_arm(facts)
        config = self._suite.arms[name]
        prompt = self._suite.prompt_of(name)[1].model_copy(update={"shots": facts.shots})
        chooser = self._chooser(prompt) if prompt.shots else None
        self.problems += self._prompt_problems(name, prompt, chooser)
        self.problems += self._training_problems(config.model)
        finder = self._finder(name, config.retrieval) if config.retrieval else None
        if len(self.problems) > before:
            return None
        return Arm(
            facts=facts,
            composer=Composer(prompt, chooser),
            retriever=None if isinstance(finder, Searcher) else finder,
            query=Template(config.retrieval.query if config.retrieval else ""),
            top_k=config.retrieval.top_k if config.retrieval else 0,
            searcher=finder if isinstance(finder, Searcher) else None,
        )

    def _chooser(self, prompt: PromptConfig) -> ExampleChooser | None:
        if isinstance(prompt, OptimisedPrompt):
            return ExampleChooser(own_examples(prompt))
        if (config := prompt.examples) is None:
            return None
        examples = self._examples_of(config.path)
        rank = self._ranker(config.path) if config.choose == "nearest" else None
        return ExampleChooser(examples, choose=config.choose, seed=self._suite.run.seed, rank=rank)

    def _examples_of(self, path: str) -> Sequence[Example]:
        if path not in self._examples:
            self._examples[path] = self._read_examples(path)
        return self._examples[path]

    def _ranker(self, path: str) -> Ranker:
        """BM25 over the questions of a file of examples."""
        if path not in self._rankers:
            questions = [Passage(id=example.id, text=example.input) for example in self._examples_of(path)]
            # Without an example there is nothing to rank; too few shots are reported below.
            self._rankers[path] = BM25Retriever(questions).rank if questions else _rank_nothing
        return self._rankers[path]

    def _prompt_problems(
        self, name: str, prompt: PromptConfig, chooser: ExampleChooser | None
    ) -> Iterator[Problem]:
        problem = self._suite.source.problem
        columns = None if chooser is None else _columns(chooser.examples)
        for key, message in field_problems(prompt, case_fields=self._case_fields, example_fields=columns):
            yield problem(_prompt_key(self._suite, name, key), message)
        if chooser is None:
            return
        if (available := self._available(chooser.examples)) < prompt.shots:
            own = self._suite.prompt_of(name)[1].shots
            at = (
                _prompt_key(self._suite, name, "shots")
                if prompt.shots == own
                else ("arms", name, "shot_curve")
            )
            yield problem(
                at,
                f"{prompt.shots} shots are asked for, but {_examples_file(prompt)} has {available} examples that "
                "every case may see (those of its own cluster are left out). Add examples or lower the shots.",
            )

    def _training_problems(self, model: str) -> Iterator[Problem]:
        """Columns that the cases have and the training rows have not: tuning would teach a prompt with gaps."""
        config = self._suite.models[model]
        if not isinstance(config, TunedModelConfig):
            return
        prompt = _training_prompt(self._suite, model)
        fields = [*EXAMPLE_FIELDS, *_columns(self._examples_of(config.train))]
        if not Template(prompt.user).fields and not Template(prompt.system or "").fields:
            yield self._suite.source.problem(
                ("models", model, "prompt"),
                "the prompt it is trained with holds no field, so every row would ask the same: write {{input}} in it",
            )
        for text in (prompt.system or "", prompt.user, prompt.answer):
            for field in Template(text).unknown(fields):
                yield self._suite.source.problem(
                    ("models", model, "train"),
                    f"the prompt it is trained with needs {{{{{field}}}}}: {unknown_field(field, fields)}",
                )

    def _available(self, examples: Sequence[Example]) -> int:
        """Examples that every case may be shown."""
        own = Counter(example.cluster for example in examples if example.cluster in self._clusters)
        return len(examples) - max(own.values(), default=0)

    def _finder(self, name: str, config: RetrievalConfig) -> Retriever | Searcher | None:
        at: Location = ("arms", name, "retrieval")
        fields = [*CASE_FIELDS, *self._case_fields]
        if not Template(config.query).fields:
            message = "holds no field, so every case would search for the same text: write {{input}} for the question"
            self.problems.append(self._suite.source.problem((*at, "query"), message))
        for field in Template(config.query).unknown(fields):
            self.problems.append(self._suite.source.problem((*at, "query"), unknown_field(field, fields)))
        if config.corpus not in self._corpora:
            self._corpora[config.corpus] = self._read_corpus(config.corpus)
        corpus = self._corpora[config.corpus]
        if config.method == "gold":
            self._check_gold(at, config, corpus)
        if self._suite.left_alone(RETRIEVERS, config.method):
            return None
        plugins = self._suite.trust.loads_plugins
        embedder = self._suite.embedder_of(name)
        key = digest_of([_chunking(config), embedder, config.method, config.options])
        if key not in self._finders:
            try:
                if compares_vectors(config.method, plugins=plugins):
                    self._finders[key] = build_searcher(
                        config, self._vectors_of(config, embedder), plugins=plugins
                    )
                else:
                    self._finders[key] = build_retriever(config, self._cut(config), plugins=plugins)
            except InputError as error:
                where: Location = (*at, "options") if config.options else at
                self.problems.append(self._suite.source.problem(where, str(error)))
                return None
        return self._finders[key]

    def _cut(self, config: RetrievalConfig) -> Sequence[Passage]:
        key = _chunking(config)
        if key not in self._chunks:
            self._chunks[key] = cut(self._corpora[config.corpus], config.chunk)
        return self._chunks[key]

    def _vectors_of(self, config: RetrievalConfig, embedder: str | None) -> PassageVectors:
        if embedder is None:
            raise InputError(f"{config.method} compares vectors: name one of the suite's `embedders`")
        key = digest_of([_chunking(config), embedder])
        if key not in self._vectors:
            documents = len(self._corpora[config.corpus])
            self._vectors[key] = PassageVectors(
                self._cut(config), corpus=config.corpus, documents=documents, embedder=embedder
            )
        return self._vectors[key]

    def _check_gold(self, at: Location, config: RetrievalConfig, corpus: Sequence[Passage]) -> None:
        """A ceiling is only one where cases say which passages answer them, and the corpus has those."""
        missing = sorted(self._gold - {passage.id for passage in corpus})
        if not self._gold:
            message = "gold retrieval needs cases that name their `gold_passages`; none does"
        elif missing:
            message = f"{len(missing)} gold passages of the cases are not in {config.corpus}, such as {missing[0]!r}"
        else:
            return
        self.problems.append(self._suite.source.problem((*at, "method"), message))


def _chunking(config: RetrievalConfig) -> str:
    return digest_of([config.corpus, None if config.chunk is None else config.chunk.model_dump()])


def _examples_file(prompt: PromptConfig) -> str:
    """The file that a prompt's demonstrations come from, as the suite writes it."""
    return (prompt.path if prompt.examples is None else prompt.examples.path) or "the prompt"


def _rank_nothing(question: str) -> tuple[int, ...]:
    return ()


def _columns(examples: Sequence[Example]) -> Collection[str]:
    return dict.fromkeys(name for example in examples for name in example.fields)


def _prompt_key(suite: Suite, arm: str, key: str) -> Location:
    """Where a template of an arm stands: in the arm where it overrides the prompt, else in the prompt."""
    use = suite.arms[arm].prompt
    if isinstance(use, PromptUse) and getattr(use, key) is not None:
        return ("arms", arm, "prompt", key)
    name, _ = suite.prompt_of(arm)
    return ("prompts", name, key) if name in suite.prompts else ("arms", arm)
