from modules.base_module import AeonModule


class VisaoModule(AeonModule):
    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Visao"
        self.triggers = ["ver", "olhos"]

    def process(self, command):
        return None
