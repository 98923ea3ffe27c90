from modules.base_module import AeonModule


class AprendizadoModule(AeonModule):
    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Aprendizado"
        self.triggers = ["boa aeon", "muito bom", "genial", "aprender isso"]

    def process(self, command):
        memory = self.core_context.get("short_term_memory")
        return f"Registrado: {memory.last_user_text}" if memory and memory.last_user_text else "Nada recente."
