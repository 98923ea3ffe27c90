class AeonModule:
    def __init__(self, core_context):
        self.core_context = core_context
        self.name = "?"
        self.triggers = []
        self.dependencies = []

    def check_dependencies(self):
        return True

    def on_load(self):
        return True

    def process(self, command):
        raise NotImplementedError
