from dbatch.plugins.sources import choose_factory, imported_files, kind_of, read_source


def facts_of(folder, text, name="module.py"):
    (folder / name).write_text(text)
    return read_source(folder / name)


def test_the_description_is_the_first_line_of_the_docstring(tmp_path):
    assert facts_of(tmp_path, '"""Buys low.\n\nMore."""\n').description == "Buys low."


def test_without_a_module_docstring_the_factory_describes_the_strategy(tmp_path):
    facts = facts_of(tmp_path, 'def create_a_handler(config):\n    """Sells high."""\n')
    assert facts.described("create_a_handler") == "Sells high."


def test_a_factory_bound_by_assignment_is_found(tmp_path):
    assert facts_of(tmp_path, "create_a_handler = print\n").defined == ("create_a_handler",)


def test_a_factory_bound_by_import_is_found_as_imported(tmp_path):
    facts = facts_of(tmp_path, "from x import make as create_a_handler\n")
    assert (facts.defined, facts.imported) == ((), ("create_a_handler",))


def test_a_factory_inside_try_is_found(tmp_path):
    text = "try:\n    import fast\nexcept ImportError:\n    def create_a_handler(config): ...\n"
    assert facts_of(tmp_path, text).defined == ("create_a_handler",)


def test_a_factory_inside_a_class_is_not_a_factory(tmp_path):
    assert facts_of(tmp_path, "class A:\n    def create_a_handler(self): ...\n").defined == ()


def test_a_module_that_does_not_parse_has_a_fault_with_its_line(tmp_path):
    facts = facts_of(tmp_path, "x = 1\ndef create_a_handler(:\n")
    assert facts.fault is not None
    assert "module.py:2: SyntaxError" in facts.fault
    assert facts.defined == ("create_a_handler",)


def test_reading_does_not_run_the_module(tmp_path):
    assert facts_of(tmp_path, "raise SystemExit\n").fault is None


def test_naming_event_strategy_means_compiled(tmp_path):
    facts = facts_of(tmp_path, "from dbatch.strategies import EventStrategy\n")
    assert kind_of(facts, imported_files(tmp_path / "module.py", facts)) == "compiled"


def test_event_strategy_in_a_module_beside_it_means_compiled(tmp_path):
    facts_of(tmp_path, "from dbatch.strategies import EventStrategy\n", name="strategy.py")
    facts = facts_of(tmp_path, "from .strategy import make\n", name="handler.py")
    assert kind_of(facts, imported_files(tmp_path / "handler.py", facts)) == "compiled"


def test_a_helper_compiled_with_njit_leaves_a_python_handler_python(tmp_path):
    facts = facts_of(tmp_path, "from numba import njit\n")
    assert kind_of(facts, imported_files(tmp_path / "module.py", facts)) == "python"


def test_the_factory_with_the_strategys_name_comes_first():
    assert choose_factory("a", ["create_handler", "create_a_handler"]) == "create_a_handler"


def test_the_generic_factory_comes_second():
    assert choose_factory("a", ["create_b_handler", "create_handler"]) == "create_handler"


def test_a_single_factory_of_another_name_is_taken():
    assert choose_factory("v1_baseline", ["create_v1_handler"]) == "create_v1_handler"


def test_one_defined_factory_beats_imported_ones():
    assert choose_factory("v1_baseline", ["create_v1_handler"], ["create_base_handler"]) == "create_v1_handler"


def test_two_factories_that_both_could_be_meant_are_none():
    assert choose_factory("a", ["create_b_handler", "create_c_handler"]) is None
